//! The daemon as a service of Compose, which starts nothing at times.

use super::{
    MARK, Unfit,
    image::{Image, environment, quoted},
    job::Job,
};

/// The file for the daemon.
///
/// # Errors
/// [`Unfit`] for everything but the daemon.
pub fn compose(job: &Job, image: &Image) -> Result<String, Unfit> {
    if !job.is_daemon() {
        let advice = "Compose starts nothing at times: let the daemon keep them (`schedule compose --daemon`; what it cleans when \
                      is said by [cleanup.NAME] in the configuration), or have the host call `docker compose run` by `schedule cron`";
        return Err(Unfit(advice.to_owned()));
    }
    let known = environment(job, "/var/lib/tokenkeeper/journal");
    let is_secret = |name: &str| {
        !matches!(name, "TOKENKEEPER_JOURNAL" | "TOKENKEEPER_CLEANUP_DATABASE_URL_FILE")
    };
    let variables: Vec<String> = known
        .iter()
        .filter(|(name, _)| *name != "TOKENKEEPER_CLEANUP_DATABASE_URL_FILE")
        .map(|(name, value)| format!("      {name}: {}\n", quoted(value)))
        .collect();
    let variables = variables.concat();
    let files: Vec<&str> = known
        .iter()
        .filter(|(name, _)| is_secret(name))
        .filter_map(|(_, path)| path.rsplit('/').next())
        .collect();
    let used: Vec<String> = files
        .iter()
        .map(|name| {
            format!("      - source: {name}\n        target: /run/secrets/tokenkeeper/{name}\n")
        })
        .collect();
    let used = used.concat();
    let lie: Vec<String> =
        files.iter().map(|name| format!("  {name}:\n    file: ./secrets/{name}\n")).collect();
    let lie = lie.concat();
    let arguments: Vec<String> = job.arguments().iter().map(|text| quoted(text)).collect();
    Ok(SERVICE
        .replace("{mark}", MARK)
        .replace("{rights}", RIGHTS)
        .replace("{name}", &job.name)
        .replace("{image}", &quoted(&image.name))
        .replace("{variables}", &variables)
        .replace("{used}", &used)
        .replace("{lie}", &lie)
        // Last: what stands in it is nobody's gap.
        .replace("{arguments}", &arguments.join(", ")))
}

const SERVICE: &str = "\
# {mark} compose
services:
  {name}:
    image: {image}
    command: [{arguments}]
{rights}    environment:
{variables}    # Compose hands files over with the rights that they have on the host: let 65532, and nobody else, read them.
    secrets:
{used}    volumes:
      - ./tokenkeeper.toml:/etc/tokenkeeper/tokenkeeper.toml:ro
      # Answers that the database could not take yet.
      - state:/var/lib/tokenkeeper

secrets:
{lie}
volumes:
  state:
";

const RIGHTS: &str = r#"    # After a crash and after the host's start; a wrong configuration is told in the log, again and again.
    restart: unless-stopped
    # What is claimed is finished first.
    stop_grace_period: 90s
    # It needs the network, its files and nothing else.
    user: "65532:65532"
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    # Some ten MiB in use.
    mem_limit: 128m
"#;
