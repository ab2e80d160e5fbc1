//! A server that follows another one of the test's own, as the product's handbook has it made.

use super::keeper::Recipe;
use super::product::Product;
use super::servers::Server;

impl Server {
    /// Starts a server that others can follow.
    pub fn primary(product: Product) -> Self {
        Self::made(product, &with_options(product, "--server-id=1 --log-bin=log"))
    }

    /// Starts one that follows this one, and has caught up with its beginning. Its databases are this one's.
    pub fn replica(&self) -> Self {
        let recipe = with_options(self.product(), "--server-id=2");
        match self.product() {
            Product::Postgres => Self::made(self.product(), &standby(recipe, self.port())),
            Product::MariaDb | Product::MySql => {
                let replica = Self::made(self.product(), &recipe);
                // MariaDB has kept the words that MySQL has given up.
                let (change, source, started) = match self.product() {
                    Product::MySql => ("REPLICATION SOURCE", "SOURCE", "REPLICA"),
                    _ => ("MASTER", "MASTER", "SLAVE"),
                };
                let follow = format!(
                    "CHANGE {change} TO {source}_HOST = '127.0.0.1', {source}_PORT = {}, {source}_USER = 'root', \
                     {source}_LOG_FILE = 'log.000001', {source}_LOG_POS = 4, {source}_CONNECT_RETRY = 1; \
                     START {started}",
                    self.port()
                );
                replica.execute("mysql", &follow);
                replica
            }
        }
    }

    /// Has a replica take in what it gets and apply nothing of it.
    pub fn pause_replay(&self) {
        match self.product() {
            Product::Postgres => self.execute("postgres", "SELECT pg_wal_replay_pause()"),
            Product::MariaDb => self.execute("mysql", "STOP SLAVE SQL_THREAD"),
            Product::MySql => self.execute("mysql", "STOP REPLICA SQL_THREAD"),
        };
    }

    /// Has it go on.
    pub fn resume_replay(&self) {
        match self.product() {
            Product::Postgres => self.execute("postgres", "SELECT pg_wal_replay_resume()"),
            Product::MariaDb => self.execute("mysql", "START SLAVE SQL_THREAD"),
            Product::MySql => self.execute("mysql", "START REPLICA SQL_THREAD"),
        };
    }
}

/// PostgreSQL is ready to be followed as it is.
fn with_options(product: Product, options: &str) -> Recipe {
    let mut recipe = product.recipe();
    if product != Product::Postgres {
        recipe.variables.push(("OPTIONS", options.to_owned()));
    }
    recipe
}

fn standby(mut recipe: Recipe, primary: u16) -> Recipe {
    let program = Product::Postgres.program("pg_basebackup").display().to_string();
    recipe.variables.extend([("BASEBACKUP", program), ("PRIMARY", primary.to_string())]);
    recipe.prepare = STANDBY_PREPARE;
    recipe
}

const STANDBY_PREPARE: &str = r#"
    [ -z "$OWNER" ] || chown "$OWNER" "$DIR" || exit
    $AS_OWNER "$BASEBACKUP" --pgdata="$DIR/data" --host=127.0.0.1 --port="$PRIMARY" --username=postgres \
        --write-recovery-conf --wal-method=stream --checkpoint=fast --no-sync
"#;
