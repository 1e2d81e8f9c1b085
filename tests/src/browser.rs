//! Headless Chromium, driven by the W3C protocol `WebDriver` through chromedriver.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{http, process::Process};

/// How long chromedriver may take to listen: a machine that never ran it reads all of it first.
const START: Duration = Duration::from_mins(2);

/// A browser with one open page. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    session: String,
    driver: Process,
}

impl Browser {
    /// Starts chromedriver and a headless Chromium.
    ///
    /// # Panics
    /// When Debian's packages chromium and chromium-driver are missing.
    pub fn start() -> Self {
        let mut command = Command::new("chromedriver");
        command.args(["--port=0"]);
        let driver = Process::start(command);
        let line = driver.line_with("started successfully on port", START);
        let port: String = line
            .rsplit("port ")
            .next()
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let base = format!("http://127.0.0.1:{port}/session");
        let wanted = json!({"capabilities": {"alwaysMatch": {
            // Tests make certificates of their own.
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--autoplay-policy=no-user-gesture-required", "--mute-audio",
                "--window-size=1280,800", "--disable-dev-shm-usage",
            ]},
        }}});
        let answer = post(&base, &wanted);
        let id = answer["value"]["sessionId"]
            .as_str()
            .expect("a new session has an id")
            .to_owned();
        Self {
            session: format!("{base}/{id}"),
            driver,
        }
    }

    /// Opens `url` and waits until it is loaded.
    pub fn open(&self, url: &str) {
        post(&format!("{}/url", self.session), &json!({ "url": url }));
    }

    /// Runs the body of a function in the page and returns what it returns.
    pub fn run(&self, script: &str) -> Value {
        let call = json!({"script": script, "args": []});
        post(&format!("{}/execute/sync", self.session), &call)["value"].take()
    }

    /// What the page has written to the console since the last call.
    pub fn console(&self) -> Vec<Value> {
        let entries = post(
            &format!("{}/se/log", self.session),
            &json!({"type": "browser"}),
        );
        entries["value"].as_array().cloned().unwrap_or_default()
    }

    /// A picture of the page, as base64 of a PNG.
    pub fn screenshot(&self) -> String {
        let url = format!("{}/screenshot", self.session);
        let answer = http::get(&url).expect("chromedriver answers").json();
        answer["value"]
            .as_str()
            .expect("a screenshot is text")
            .to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium; the driver itself ends with its handle.
        drop(http::request("DELETE", &self.session, &[], b""));
        self.driver.signal("TERM");
    }
}

fn post(url: &str, body: &Value) -> Value {
    let text = body.to_string();
    let response = http::request("POST", url, &[], text.as_bytes()).expect("chromedriver answers");
    assert_eq!(response.status, 200, "{url}: {}", response.text());
    response.json()
}
