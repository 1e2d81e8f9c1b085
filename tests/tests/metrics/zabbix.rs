//! Zabbix itself, with its database and its frontend, all in one folder and on loopback.

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
    wait::until,
};

use crate::{integrations, rig::Rig};

/// How long a program may take to be there: the first start on a machine reads all of it.
const START: Duration = Duration::from_mins(2);

/// Whose data the database is: it refuses to run as root.
const OWNER: &str = "postgres";

/// Where Debian keeps the schema and the frontend.
const SCHEMA: &str = "/usr/share/zabbix-server-pgsql";
const FRONTEND: &str = "/usr/share/zabbix";

/// Zabbix that watches nothing yet.
struct Zabbix {
    _frontend: Process,
    _server: Process,
    _database: Process,
    _folder: TempDir,
    url: String,
    token: Value,
}

impl Zabbix {
    fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("the folder is ours");
        let ports = [free_port(), free_port(), free_port()];
        let database = start_database(folder.path(), ports[0]);
        let server = start_server(folder.path(), ports);
        let frontend = start_frontend(folder.path(), ports);
        let mut zabbix = Self {
            _frontend: frontend,
            _server: server,
            _database: database,
            _folder: folder,
            url: format!("http://127.0.0.1:{}/api_jsonrpc.php", ports[2]),
            token: Value::Null,
        };
        let login = json!({ "user": "Admin", "password": "zabbix" });
        zabbix.token = until("the frontend", START, || {
            zabbix.ask("user.login", &login).ok()
        });
        zabbix
    }

    /// Calls the API; an error of Zabbix is told in its words.
    fn ask(&self, method: &str, parameters: &Value) -> Result<Value, String> {
        let question = json!({
            "jsonrpc": "2.0", "method": method, "params": parameters, "id": 1, "auth": self.token,
        });
        let answer = http::request("POST", &self.url, &[], question.to_string().as_bytes());
        let answer = answer.map_err(|error| error.to_string())?;
        let told: Value = serde_json::from_slice(&answer.body).map_err(|_no_json| answer.text())?;
        match told.get("result") {
            Some(result) => Ok(result.clone()),
            None => Err(told.to_string()),
        }
    }

    fn call(&self, method: &str, parameters: &Value) -> Value {
        let answer = self.ask(method, parameters);
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
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
        let host = self.call(
            "host.create",
            &json!({
                "host": "edge",
                "groups": self.call("hostgroup.get", &group),
                "templates": self.call("template.get", &template),
                "interfaces": [{
                    "type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": "1",
                }],
                "macros": [{ "macro": "{$WEIR.PORT}", "value": port }],
            }),
        );
        host["hostids"][0].clone()
    }

    /// All items of `host`; those that ask the appliance are told to do so now.
    fn items(&self, host: &Value) -> Vec<Value> {
        let parameters = json!({
            "hostids": host, "output": ["itemid", "key_", "lastvalue", "state", "error"],
        });
        let items = self.call("item.get", &parameters);
        let items = items.as_array().expect("items").clone();
        let asking = items.iter().filter(|item| key(item).ends_with(".answer"));
        let tasks =
            asking.map(|item| json!({ "type": 6, "request": { "itemid": item["itemid"] } }));
        // Those that the server has not heard of yet are refused, and asked in their time.
        drop(self.ask("task.create", &tasks.collect()));
        items
    }
}

fn key(item: &Value) -> &str {
    item["key_"].as_str().expect("a key")
}

/// A command of the owner of the database, whom root must become.
fn as_owner(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        let own = ["--reuid", OWNER, "--regid", OWNER, "--clear-groups"];
        command.args(own);
    }
    command.arg(program.as_ref());
    command
}

fn is_root() -> bool {
    peer(Command::new("id").arg("-u")).trim() == "0"
}

fn start_database(folder: &Path, port: u16) -> Process {
    let data = folder.join("database");
    fs::create_dir(&data).expect("the folder is ours");
    if is_root() {
        peer(Command::new("chown").arg(OWNER).arg(&data));
    }
    let found = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let versions = found.map(|entry| entry.expect("a folder").path().join("bin"));
    let programs: PathBuf = versions.max().expect("PostgreSQL is installed");
    let made = ["--auth=trust", "--no-sync", "--username=postgres", "-D"];
    peer(as_owner(programs.join("initdb")).args(made).arg(&data));
    let mut command = as_owner(programs.join("postgres"));
    command
        .args(["-F", "-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
        .arg(&data);
    let database = Process::start({
        command.arg("-D").arg(&data);
        command
    });
    database.line_with("ready to accept connections", START);
    let load = format!(
        "set -e; to='psql -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p {port} -U postgres'\n\
         $to -c 'CREATE DATABASE zabbix' postgres\n\
         zcat {SCHEMA}/schema.sql.gz {SCHEMA}/images.sql.gz {SCHEMA}/data.sql.gz | $to zabbix"
    );
    peer(Command::new("sh").arg("-c").arg(load));
    database
}

fn start_server(folder: &Path, [database, server, _]: [u16; 3]) -> Process {
    let at = folder.display();
    let text = format!(
        "ListenPort={server}\nListenIP=127.0.0.1\nLogType=console\nDBHost=127.0.0.1\n\
         DBPort={database}\nDBName=zabbix\nDBUser=postgres\nAllowRoot=1\nCacheUpdateFrequency=2\n\
         PidFile={at}/server.pid\nSocketDir={at}\n"
    );
    let file = folder.join("server.conf");
    fs::write(&file, text).expect("the folder is ours");
    let mut command = Command::new("unshare");
    // Its many processes go with the first.
    command.args(["--fork", "--pid", "--kill-child"]);
    if !is_root() {
        command.args(["--user", "--map-current-user"]);
    }
    command
        .args(["zabbix_server", "--foreground", "--config"])
        .arg(file);
    let server = Process::start(command);
    server.line_with("server #0 started", START);
    server
}

fn start_frontend(folder: &Path, [database, server, frontend]: [u16; 3]) -> Process {
    let own = folder.join("frontend");
    peer(Command::new("cp").args(["-rL", FRONTEND]).arg(&own));
    let configuration = folder.join("frontend.php");
    let text = format!(
        "<?php\n$DB = ['TYPE' => 'POSTGRESQL', 'SERVER' => '127.0.0.1', 'PORT' => '{database}',\n\
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
    let mut command = Command::new("php");
    command
        .args(["-S", &format!("127.0.0.1:{frontend}"), "-t"])
        .arg(own);
    Process::start(command)
}

#[test]
fn a_real_zabbix_takes_the_template_in_and_shows_every_channel_and_the_alarm() {
    let rig = Rig::start();
    let zabbix = Zabbix::start();
    let written = integrations::written();
    let template = written.path().join("zabbix/weir_http_6.0.json");
    zabbix.import(&fs::read_to_string(template).expect("text"));
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
    until("all items of all channels", START, || {
        let items = zabbix.items(&host);
        for item in &items {
            assert_eq!(item["error"], "", "{}", key(item));
        }
        let has = |start: &str, value: &str| {
            let mut found = items.iter().filter(|item| key(item).starts_with(start));
            found.any(|item| {
                let told = item["lastvalue"].as_str().unwrap_or("");
                told == value || value.is_empty() && !told.is_empty()
            })
        };
        expected
            .iter()
            .all(|(start, value)| has(start, value))
            .then_some(())
    });
    until("the alarm of the silent channel", START, || {
        let parameters = json!({ "hostids": host, "output": ["name"], "severities": [5] });
        let problems = zabbix.call("problem.get", &parameters);
        zabbix.items(&host);
        let problem = problems.as_array()?.first()?["name"].as_str()?.to_owned();
        assert!(problem.starts_with("Weir: channel/silent"), "{problem}");
        Some(())
    });
}
