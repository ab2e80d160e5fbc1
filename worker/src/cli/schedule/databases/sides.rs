//! The two databases of a job on PostgreSQL: the one that is cleaned, with the procedure, and the one that has the
//! scheduler. Mostly they are the same.

use tokenkeeper_shared::{database_url::DatabaseUrl, exit::Failure};

use super::refused;
use crate::cleanup::{
    database::{Access, Database, Session},
    dialect::Dialect,
    policy::Case,
    script::Job,
    sql::{Bind, Sql},
};

pub(super) struct Sides {
    pub(super) cleaned: Session,
    pub(super) scheduler: Session,
    /// The cleaned one's name, where they differ.
    pub(super) elsewhere: Option<String>,
}

impl Sides {
    /// Both; `scheduler` is the other one's name.
    pub(super) async fn open(url: &DatabaseUrl, scheduler: Option<&str>) -> Result<Self, Failure> {
        let session = async |url: DatabaseUrl| {
            Ok::<_, Failure>(Database::open(url, Access::Change)?.session().await?)
        };
        let mut cleaned = session(url.clone()).await?;
        let Some(name) = scheduler else {
            return Ok(Self { scheduler: session(url.clone()).await?, cleaned, elsewhere: None });
        };
        let beside = url.on_same_server(name, &[]).map_err(|error| refused(error.to_string()))?;
        let own = cleaned.cell(&asked("SELECT CAST(current_database() AS text)")).await?;
        let elsewhere = own.filter(|own| own != name);
        Ok(Self { scheduler: session(beside).await?, cleaned, elsewhere })
    }

    pub(super) async fn has_procedure(&mut self, job: &Job<'_>) -> Result<bool, Failure> {
        let mut sql = asked("SELECT CAST(to_regprocedure(");
        sql.bind(Bind::Text(format!("{}()", job.procedure))).push(") AS text)");
        Ok(self.cleaned.cell(&sql).await?.is_some())
    }

    /// Takes the procedure away where it is ours; whether it was there.
    pub(super) async fn drop_procedure(&mut self, job: &Job<'_>) -> Result<bool, Failure> {
        let mut ours =
            asked("SELECT CAST(oid AS text) FROM pg_proc WHERE obj_description(oid, 'pg_proc') = ");
        ours.bind(Bind::Text(job.mark())).push(" AND oid = to_regprocedure(");
        ours.bind(Bind::Text(format!("{}()", job.procedure))).push(")");
        let was = self.cleaned.cell(&ours).await?.is_some();
        if was {
            self.cleaned.script(&format!("DROP PROCEDURE {}()", job.procedure)).await?;
        }
        Ok(was)
    }
}

/// A row's cells; what is not there is no text.
pub(super) fn row_of<const N: usize>(row: Vec<Option<String>>) -> [String; N] {
    let mut cells = row.into_iter();
    std::array::from_fn(|_| cells.next().flatten().unwrap_or_default())
}

pub(super) fn asked(statement: &'static str) -> Sql {
    let mut sql = Sql::new(Dialect::Postgres, Case::Fold);
    sql.push(statement);
    sql
}
