//! Zabbix itself takes its template in and shows what the appliance tells.
//!
//! Its database, its server and its frontend run in one folder, for this test alone: the database
//! on a socket of its own, the rest on loopback.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use weir_tests::{
    daemon::free_port,
    http,
    process::{Process, peer},
    wait::until_every,
};

use crate::{integrations, rig::Rig};

/// How long anything may take: a machine may be busy with other tests, and its first start reads
/// all of Zabbix.
const START: Duration = Duration::from_mins(5);

/// How long its database may take to end.
const END: Duration = Duration::from_secs(30);

/// Between two looks: each is a query of the database.
const PERIOD: Duration = Duration::from_millis(250);

/// Whose the database is, which refuses to run as root.
const OWNER: &str = "postgres";

/// Where Debian keeps the schema and the frontend.
const SCHEMA: &str = "/usr/share/zabbix-server-pgsql";
const FRONTEND: &str = "/usr/share/zabbix";

/// Zabbix that watches nothing yet.
#[derive(Debug)]
struct Zabbix {
    url: String,
    token: Value,
    // What asks the database ends before it.
    _frontend: Process,
    _server: Process,
    _database: Database,
    _folder: TempDir,
}

/// Why a call of its API came to nothing.
enum Failure {
    /// It was not heard, or its answer was not, as while a server starts.
    Unheard,
    /// It was refused, in the words of Zabbix.
    Refused(String),
}

impl Zabbix {
    fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("the folder is ours");
        let ports = [free_port(), free_port()];
        let database = Database::start(folder.path());
        let server = start_server(folder.path(), ports);
        let frontend = start_frontend(folder.path(), ports);
        let mut zabbix = Self {
            url: format!("http://127.0.0.1:{}/api_jsonrpc.php", ports[1]),
            token: Value::Null,
            _frontend: frontend,
            _server: server,
            _database: database,
            _folder: folder,
        };
        let login = json!({ "user": "Admin", "password": "zabbix" });
        zabbix.token = zabbix.call("user.login", &login);
        zabbix
    }

    fn ask(&self, method: &str, parameters: &Value) -> Result<Value, Failure> {
        let question = json!({
            "jsonrpc": "2.0", "method": method, "params": parameters, "id": 1, "auth": self.token,
        });
        let answer = http::request("POST", &self.url, &[], question.to_string().as_bytes())
            .map_err(|_transport| Failure::Unheard)?;
        let told: Value =
            serde_json::from_slice(&answer.body).map_err(|_no_json| Failure::Unheard)?;
        told.get("result")
            .cloned()
            .ok_or_else(|| Failure::Refused(told.to_string()))
    }

    /// Calls what may be called more than once, until it is heard.
    fn call(&self, method: &str, parameters: &Value) -> Value {
        until_every(PERIOD, method, START, || {
            match self.ask(method, parameters) {
                Ok(told) => Some(told),
                Err(Failure::Unheard) => None,
                Err(Failure::Refused(why)) => panic!("{method}: {why}"),
            }
        })
    }

    /// Takes a template in.
    fn import(&self, template: &str) {
        let rule = json!({ "createMissing": true, "updateExisting": true });
        let parameters = json!({
            "format": "json",
            "source": template,
            "rules": {
                "groups": { "createMissing": true },
                "templates": rule,
                "items": rule,
                "discoveryRules": rule,
                "triggers": rule,
            },
        });
        assert_eq!(self.call("configuration.import", &parameters), json!(true));
    }

    /// Has the appliance on this port watched by the template. Returns the host that it is.
    fn watch(&self, port: &str) -> Value {
        let template = json!({ "filter": { "host": "Weir by HTTP" }, "output": ["templateid"] });
        let group = json!({ "output": ["groupid"], "limit": 1 });
        let host = json!({
            "host": "edge",
            "groups": self.call("hostgroup.get", &group),
            "templates": self.call("template.get", &template),
            "interfaces": [{
                "type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": "1",
            }],
            "macros": [{ "macro": "{$WEIR.PORT}", "value": port }],
        });
        let known = json!({ "filter": { "host": "edge" }, "output": ["hostid"] });
        until_every(PERIOD, "the host", START, || {
            let found = self.call("host.get", &known);
            if let Some(id) = found[0].get("hostid") {
                return Some(id.clone());
            }
            match self.ask("host.create", &host) {
                Err(Failure::Refused(why)) => panic!("{why}"),
                // It is found by the next look, or made.
                Ok(_) | Err(Failure::Unheard) => None,
            }
        })
    }

    fn items(&self, host: &Value) -> Vec<Value> {
        let parameters = json!({
            "hostids": host, "output": ["key_", "lastvalue", "error"],
        });
        let items = self.call("item.get", &parameters);
        items.as_array().expect("items").clone()
    }
}

/// The database, which leaves shared memory behind unless it is told to end.
#[derive(Debug)]
struct Database(Option<Process>);

impl Database {
    /// Starts one in `folder`, with the tables of Zabbix and what it brings along.
    fn start(folder: &Path) -> Self {
        let data = folder.join("database");
        fs::create_dir(&data).expect("the folder is ours");
        if is_root() {
            peer(Command::new("chown").arg(OWNER).arg(&data));
        }
        let programs = programs();
        let made = ["--auth=trust", "--no-sync", "--username=postgres", "-D"];
        let mut command = as_owner(&programs.join("initdb"));
        peer(command.args(made).arg(&data));
        let mut command = as_owner(&programs.join("postgres"));
        command.args([
            "-F",
            "-c",
            "listen_addresses=",
            "-c",
            "synchronous_commit=off",
        ]);
        command.arg("-k").arg(&data).arg("-D").arg(&data);
        let database = Process::start(command);
        database.line_with("ready to accept connections", START);
        let load = format!(
            "set -e; to='psql -q -v ON_ERROR_STOP=1 -h {data} -U postgres'\n\
             $to -c 'CREATE DATABASE zabbix' postgres\n\
             zcat {SCHEMA}/schema.sql.gz {SCHEMA}/images.sql.gz {SCHEMA}/data.sql.gz |\n\
             $to -1 zabbix",
            data = data.display()
        );
        peer(as_owner(Path::new("sh")).arg("-c").arg(load));
        Self(Some(database))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(database) = self.0.take() {
            database.signal("QUIT");
            database.ended(END);
        }
    }
}

fn is_root() -> bool {
    peer(Command::new("id").arg("-u")).trim() == "0"
}

/// A command of the owner of the database, whom root must become.
fn as_owner(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", OWNER, "--regid", OWNER, "--clear-groups"]);
    command.current_dir("/").arg(program);
    command
}

/// A command whose processes all end with it.
fn with_all_below(program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--fork", "--pid", "--kill-child"]);
    if !is_root() {
        command.args(["--user", "--map-current-user"]);
    }
    command.arg(program);
    command
}

/// Where Debian keeps the programs of the newest database.
fn programs() -> PathBuf {
    let found = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let versions = found.map(|entry| entry.expect("a folder").path().join("bin"));
    versions.max().expect("PostgreSQL is installed")
}

fn start_server(folder: &Path, [server, _]: [u16; 2]) -> Process {
    let at = folder.display();
    let text = format!(
        "ListenPort={server}\nListenIP=127.0.0.1\nLogType=console\nDBHost={at}/database\n\
         DBName=zabbix\nDBUser=postgres\nAllowRoot=1\nCacheUpdateFrequency=1\n\
         PidFile={at}/server.pid\nSocketDir={at}\nStartPollers=1\nStartPreprocessors=1\n\
         StartDBSyncers=1\nStartTrappers=1\nStartPingers=0\nStartDiscoverers=0\n\
         StartHTTPPollers=0\nStartHistoryPollers=1\n"
    );
    let file = folder.join("server.conf");
    fs::write(&file, text).expect("the folder is ours");
    let mut command = with_all_below("zabbix_server");
    command.args(["--foreground", "--config"]).arg(file);
    let server = Process::start(command);
    server.line_with("server #0 started", START);
    server
}

fn start_frontend(folder: &Path, [server, frontend]: [u16; 2]) -> Process {
    let own = folder.join("frontend");
    peer(Command::new("cp").args(["-rL", FRONTEND]).arg(&own));
    let configuration = folder.join("frontend.php");
    let at = folder.display();
    let text = format!(
        "<?php\n$DB = ['TYPE' => 'POSTGRESQL', 'SERVER' => '{at}/database', 'PORT' => '5432',\n\
         'DATABASE' => 'zabbix', 'USER' => 'postgres', 'PASSWORD' => '', 'SCHEMA' => '',\n\
         'ENCRYPTION' => false, 'DOUBLE_IEEE754' => true];\n\
         $ZBX_SERVER = '127.0.0.1';\n$ZBX_SERVER_PORT = '{server}';\n$ZBX_SERVER_NAME = '';\n\
         $IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;\n"
    );
    fs::write(&configuration, text).expect("the folder is ours");
    // Debian has it look in one place alone.
    let source = own.join("include/classes/core/CConfigFile.php");
    let code = fs::read_to_string(&source).expect("the frontend is installed");
    let place = configuration.to_str().expect("a path of text");
    let changed = code.replace("/etc/zabbix/zabbix.conf.php", place);
    assert_ne!(changed, code, "the frontend looks elsewhere");
    fs::write(&source, changed).expect("the folder is ours");
    let mut command = with_all_below("php");
    command.env("PHP_CLI_SERVER_WORKERS", "2");
    command.args(["-d", "memory_limit=512M", "-d", "max_execution_time=300"]);
    command.args(["-d", "post_max_size=16M"]);
    command.args(["-S", &format!("127.0.0.1:{frontend}"), "-t"]);
    Process::start({
        command.arg(own);
        command
    })
}

/// The key of an item.
fn key(item: &Value) -> &str {
    item["key_"].as_str().expect("a key")
}

/// True once an item whose key begins so has this value, or any where none is wanted.
fn shows(items: &[Value], start: &str, value: &str) -> bool {
    let mut found = items.iter().filter(|item| key(item).starts_with(start));
    found.any(|item| {
        let told = item["lastvalue"].as_str().unwrap_or("");
        told == value || value.is_empty() && !told.is_empty()
    })
}

#[test]
fn a_real_zabbix_takes_the_template_in_and_shows_every_channel_and_the_alarm() {
    let rig = Rig::start();
    let zabbix = Zabbix::start();
    let written = integrations::written();
    let template = written.path().join("zabbix/weir_http_6.0.json");
    let template = fs::read_to_string(template).expect("text");
    // Asked more often, so that nobody waits.
    let hasty = template.replace("\"delay\": \"30s\"", "\"delay\": \"2s\"");
    assert_ne!(hasty, template);
    zabbix.import(&hasty);
    let url = rig.daemon.management("");
    let port = url.rsplit(':').next().expect("a port");
    let host = zabbix.watch(port);
    let expected = [
        ("weir.channel.status[\"good\"]", "ok"),
        ("weir.channel.status[\"silent\"]", "failed"),
        ("weir.rendition.state[\"good\",\"HD\"]", "on_air"),
        ("weir.rendition.state[\"silent\",\"HD\"]", "waiting"),
        ("weir.channels_configured", "2"),
        ("weir.endpoint.state[\"o0\",\"", "closed"),
        ("weir.nic.operational_status[\"lo\"]", ""),
    ];
    until_every(PERIOD, "all items of all channels", START, || {
        let items = zabbix.items(&host);
        for item in &items {
            assert_eq!(item["error"], "", "{}", key(item));
        }
        let mut expected = expected.iter();
        expected
            .all(|(start, value)| shows(&items, start, value))
            .then_some(())
    });
    let problems = json!({ "hostids": host, "output": ["name"], "severities": [5] });
    until_every(PERIOD, "the alarm of the silent channel", START, || {
        let told = zabbix.call("problem.get", &problems);
        let problem = told[0]["name"].as_str()?.to_owned();
        assert!(problem.starts_with("Weir: channel/silent"), "{problem}");
        Some(())
    });
}
