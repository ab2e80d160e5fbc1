//! `--check`: the units in their folder, and what the manager says of them.

use tokenkeeper_shared::exit::Failure;

use super::{
    super::{
        Found,
        systemctl::{self, Properties},
    },
    Place,
};
use crate::schedule::hosts::{File, Job, systemd::enabled_unit};

pub(super) async fn look(place: &Place, job: &Job, files: &[File]) -> Result<Found, Failure> {
    let mut found = Found { name: job.name.clone(), ..Found::default() };
    for file in files {
        let path = place.folder.join(&file.name);
        match place.written(file) {
            Ok(None) => found
                .amiss
                .push(format!("{} is not there: --install puts it there", path.display())),
            Ok(Some(text)) if text != file.text => {
                found.amiss.push(format!(
                    "{} is not what these arguments make: --install brings it up to date",
                    path.display()
                ));
            }
            Ok(Some(_)) => {}
            Err(other) => found.amiss.push(other.message),
        }
    }
    if place.is_told && found.amiss.is_empty() {
        ask(place, job, &mut found).await?;
    }
    Ok(found)
}

async fn ask(place: &Place, job: &Job, found: &mut Found) -> Result<(), Failure> {
    let unit = systemctl::show(place.manager, &enabled_unit(job)).await?;
    let service = systemctl::show(place.manager, &format!("{}.service", job.name)).await?;
    judge(&unit, &service, found);
    Ok(())
}

fn judge(unit: &Properties, service: &Properties, found: &mut Found) {
    let told = |from: &Properties, name: &str| {
        from.get(name)
            .filter(|value| !value.is_empty() && *value != "n/a" && *value != "infinity")
            .cloned()
    };
    let is =
        |from: &Properties, name: &str, wanted: &str| told(from, name).as_deref() == Some(wanted);
    if is(unit, "NeedDaemonReload", "yes") {
        found.amiss.push("systemd goes by older files: `systemctl daemon-reload`".to_owned());
    }
    if !is(unit, "UnitFileState", "enabled") {
        found.amiss.push("not enabled: --install enables it".to_owned());
    }
    if !is(unit, "ActiveState", "active") {
        found.amiss.push("not started: --install starts it".to_owned());
    }
    // What has never run is called a success, too.
    if let Some(result) = told(service, "Result").filter(|result| result != "success") {
        let code = told(service, "ExecMainStatus").unwrap_or_default();
        found.amiss.push(format!("the last run failed ({result}, {code}): see docs/exit-codes.md, and `journalctl -u {}`", found.name));
    }
    let last = told(unit, "LastTriggerUSec").or_else(|| told(service, "ExecMainExitTimestamp"));
    found.facts.push(("last run", last.unwrap_or_else(|| "never".to_owned())));
    for (name, fact) in
        [("NextElapseUSecRealtime", "next at"), ("NextElapseUSecMonotonic", "next after boot")]
    {
        found.facts.extend(told(unit, name).map(|value| (fact, value)));
    }
}
