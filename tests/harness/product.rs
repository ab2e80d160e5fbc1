//! What differs between the database servers: their programs and how to call them. Running them is `servers`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{cmp, env, fs};

use super::keeper::Recipe;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    Postgres,
    MariaDb,
    MySql,
}

impl Product {
    /// What suites take for `mysql://`: MySQL where `tests/run --mysql` asks for it, MariaDB otherwise.
    pub fn mysql() -> Self {
        if env::var_os(MYSQL).is_some() { Self::MySql } else { Self::MariaDb }
    }

    /// What brings the server: a Debian package, or for MySQL `tests/run --mysql`.
    pub fn package(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::MariaDb => "mariadb-server",
            Self::MySql => "mysql-server-core",
        }
    }

    /// The client program.
    pub fn client(self) -> &'static str {
        match self {
            Self::Postgres => "psql",
            Self::MariaDb => "mariadb",
            Self::MySql => "mysql",
        }
    }

    /// The program that makes SQL of the system's time zones; PostgreSQL knows them itself.
    pub fn zone_reader(self) -> &'static str {
        match self {
            Self::Postgres => panic!("PostgreSQL has its zones"),
            Self::MariaDb => "mariadb-tzinfo-to-sql",
            Self::MySql => "mysql_tzinfo_to_sql",
        }
    }

    /// One of the server's programs.
    pub fn program(self, name: &str) -> PathBuf {
        match env::var_os(MYSQL) {
            Some(directory) if self == Self::MySql => Path::new(&directory).join(name),
            _ => find(name, self.package()),
        }
    }

    /// The database that is there from the beginning.
    pub fn first_database(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb | Self::MySql => "mysql",
        }
    }

    /// Over the socket in the server's own directory: no other server can answer there.
    pub fn client_arguments(self, directory: &Path, port: u16) -> Vec<String> {
        let directory = directory.display();
        match self {
            Self::Postgres => {
                let options =
                    "-X -q -A -t -v ON_ERROR_STOP=1 -U postgres".split(' ').map(str::to_owned);
                options
                    .chain([
                        "-F\t".to_owned(),
                        format!("-h{directory}"),
                        format!("-p{port}"),
                        "-d".into(),
                    ])
                    .collect()
            }
            Self::MariaDb | Self::MySql => {
                let options = "--no-defaults --batch --skip-column-names --user=root"
                    .split(' ')
                    .map(str::to_owned);
                options.chain([format!("--socket={directory}/socket")]).collect()
            }
        }
    }

    pub fn recipe(self) -> Recipe {
        let program = |name| self.program(name).display().to_string();
        match self {
            Self::Postgres => Recipe {
                variables: vec![
                    ("INITDB", program("initdb")),
                    ("SERVER", program("postgres")),
                    // PostgreSQL refuses to run as root.
                    ("OWNER", if_root("postgres")),
                    (
                        "AS_OWNER",
                        if_root("setpriv --reuid=postgres --regid=postgres --init-groups"),
                    ),
                ],
                prepare: POSTGRES_PREPARE,
                start: POSTGRES_START,
                stop: "INT",
            },
            Self::MariaDb => Recipe {
                variables: vec![
                    ("INSTALL_DB", program("mariadb-install-db")),
                    ("SERVER", program("mariadbd")),
                    ("OWNER", if_root("mysql")),
                    ("AS_OWNER", if_root("--user=mysql")),
                ],
                prepare: MARIADB_PREPARE,
                start: MARIADB_START,
                stop: "TERM",
            },
            Self::MySql => Recipe {
                // Whoever runs the tests can read the programs in their folder; its own user may not.
                variables: vec![
                    ("SERVER", program("mysqld")),
                    ("AS_OWNER", if_root("--user=root")),
                ],
                prepare: MYSQL_PREPARE,
                start: MYSQL_START,
                stop: "TERM",
            },
        }
    }

    /// Name and version, as in `PostgreSQL 15.18`.
    pub fn version(self) -> String {
        let (name, server) = match self {
            Self::Postgres => ("PostgreSQL", "postgres"),
            Self::MariaDb => ("MariaDB", "mariadbd"),
            Self::MySql => ("MySQL", "mysqld"),
        };
        let output =
            Command::new(self.program(server)).arg("--version").output().expect("it was found");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let version =
            said.split(|c: char| !c.is_ascii_digit() && c != '.').find(|word| word.contains('.'));
        format!("{name} {}", version.unwrap_or("of unknown version"))
    }
}

/// The directory of MySQL's programs, where `tests/run --mysql` has put them.
const MYSQL: &str = "TOKENKEEPER_TEST_MYSQL";

/// Finds a server's program: Debian keeps PostgreSQL's out of the path, and the path of a user without `sbin`.
pub fn find(program: &str, package: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    postgres_directories()
        .into_iter()
        .chain(env::split_paths(&path))
        .chain(["/usr/sbin", "/usr/local/sbin", "/usr/libexec"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| {
            panic!("{program} not found: install the Debian package {package}, or call tests/run")
        })
}

/// Newest first, and only those with a server: a client alone has no `initdb`.
fn postgres_directories() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut directories: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    directories.retain(|directory| directory.join("initdb").is_file());
    directories.sort_by_key(|directory| {
        let version = directory
            .parent()
            .and_then(Path::file_name)
            .and_then(|name| name.to_str()?.parse().ok());
        cmp::Reverse(version.unwrap_or(0_u32))
    });
    directories
}

fn if_root(text: &str) -> String {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if is_root { text.to_owned() } else { String::new() }
}

// A killed server keeps what it has committed in all of this: the system's page cache outlives it.
const POSTGRES_PREPARE: &str = r#"
    [ -z "$OWNER" ] || chown "$OWNER" "$DIR" || exit
    made() {
        $AS_OWNER "$INITDB" --pgdata="$DIR/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync
    }
    copied_or_made postgres
"#;
// Shared memory lies in the directory, too: a killed server would leave its own behind.
const POSTGRES_START: &str = r#"
    exec $AS_OWNER "$SERVER" -D "$DIR/data" -c listen_addresses=127.0.0.1 -c port="$PORT" \
        -c unix_socket_directories="$DIR" -c max_connections=300 -c fsync=off -c full_page_writes=off \
        -c dynamic_shared_memory_type=mmap $OPTIONS
"#;
// A starting MariaDB clears its directory for temporary files, whoever else uses it.
const MARIADB_PREPARE: &str = r#"
    mkdir "$DIR/tmp" || exit
    [ -z "$OWNER" ] || chown "$OWNER" "$DIR" "$DIR/tmp" || exit
    made() {
        "$INSTALL_DB" --no-defaults $AS_OWNER --datadir="$DIR/data" --tmpdir="$DIR/tmp" --auth-root-authentication-method=normal \
            --skip-test-db --innodb-log-file-size=8M
    }
    copied_or_made mariadb
"#;
const MARIADB_START: &str = r#"
    exec "$SERVER" --no-defaults $AS_OWNER --datadir="$DIR/data" --tmpdir="$DIR/tmp" --socket="$DIR/socket" --pid-file="$DIR/pid" \
        --bind-address=127.0.0.1 --port="$PORT" --skip-networking=0 --max-connections=300 \
        --innodb-flush-log-at-trx-commit=2 --innodb-log-file-size=8M --innodb-buffer-pool-size=64M $OPTIONS
"#;
// Each server must have an identity of its own, which the copied one has not.
const MYSQL_PREPARE: &str = r#"
    mkdir "$DIR/tmp" || exit
    made() {
        "$SERVER" --no-defaults $AS_OWNER --initialize-insecure --secure-file-priv=NULL --datadir="$DIR/data" --tmpdir="$DIR/tmp" \
            --innodb-redo-log-capacity=8M && rm "$DIR/data/auto.cnf"
    }
    copied_or_made mysql
"#;
// Its log of changes stays on, as MySQL has it of itself.
const MYSQL_START: &str = r#"
    exec "$SERVER" --no-defaults $AS_OWNER --datadir="$DIR/data" --tmpdir="$DIR/tmp" --socket="$DIR/socket" --pid-file="$DIR/pid" \
        --bind-address=127.0.0.1 --port="$PORT" --secure-file-priv=NULL --mysqlx=OFF --max-connections=300 --performance-schema=OFF \
        --innodb-flush-log-at-trx-commit=2 --sync-binlog=0 --innodb-redo-log-capacity=8M --innodb-buffer-pool-size=64M $OPTIONS
"#;
