use super::*;

const SMALL: &str = r#"
name = "own"
product = "p"
versions = "1"
dialects = { postgres = "run_against" }
[[target]]
name = "t"
table = "tokens"
key = ["id"]
grace = "1h"
columns = { id = "integer", ends = { time = "utc_naive" }, life = { duration = "s" } }
expiries.end = { at = "ends" }
[[target.reason]]
name = "expired"
past = ["end"]
"#;

#[test]
fn every_shipped_policy_is_understood_and_called_like_its_file() {
    let policies = shipped().unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap().replace(".toml", ""))
        .collect();
    files.sort();
    assert_eq!(policies.keys().collect::<Vec<_>>(), files.iter().collect::<Vec<_>>());
}

#[test]
fn what_is_written_wrong_is_told_with_its_place() {
    for (from, to, expected) in [
        ("key = [\"id\"]", "key = []", "key: name the columns"),
        (
            "[[target]]",
            "[builtin]\nplace = \"x\"\noff = \" \"\n[[target]]",
            "builtin: write into `off`",
        ),
        ("key = [\"id\"]", "key = [\"other\"]", "column other is not declared"),
        ("table = \"tokens\"", "table = \"to kens\"", "line 8: \"to kens\" cannot name"),
        ("table = \"tokens\"", "tabel = \"tokens\"", "unknown field `tabel`"),
        ("past = [\"end\"]", "past = [\"END\"]", "there is no expiry \"END\""),
        ("past = [\"end\"]", "", "a state alone does not make a row old"),
        ("grace = \"1h\"", "grace = \"soon\"", "write 0s, 2h or 30d"),
        ("utc_naive", "utc", "utc_naive, session_naive(ZONE)"),
        ("at = \"ends\"", "at = \"id\"", "must be a column with { time"),
        ("name = \"own\"", "name = \"../own\"", "a name has 1 to 64 characters"),
    ] {
        let wrong = Policy::parse("own.toml", &SMALL.replace(from, to)).unwrap_err().to_string();
        assert!(wrong.starts_with("own.toml, ") && wrong.contains(expected), "{wrong}");
    }
}

#[test]
fn a_child_of_a_child_stands_above_its_parent() {
    let child = |table, parent| {
        let parent = format!("parent = \"{parent}\"");
        format!("[[target.child]]\ntable = \"{table}\"\n{parent}\non = {{ a = \"b\" }}\n")
    };
    let own = |children: &str| Policy::parse("own.toml", &format!("{SMALL}{children}"));
    let root = "[[target.child]]\ntable = \"c\"\non = { a = \"id\" }\n";
    assert!(own(&format!("{}{root}", child("d", "c"))).is_ok());
    let refused = own(&format!("{root}{}", child("d", "c"))).unwrap_err().to_string();
    assert!(refused.contains("must be a child that stands below it"), "{refused}");
}

#[test]
fn a_child_that_a_reason_looks_for_goes_after_the_target() {
    let own = |with: &str, child: &str| {
        let with = format!("[[target.reason.{with}]]\ntable = \"c\"\non = {{ a = \"id\" }}\n");
        let child = format!("[[target.child]]\ntable = \"c\"\non = {{ a = \"id\" }}\n{child}");
        Policy::parse("own.toml", &format!("{SMALL}{with}{child}"))
    };
    assert!(own("with", "orphaned = true\n").is_ok() && own("without", "").is_ok());
    assert!(own("with", "").unwrap_err().to_string().contains("add orphaned = true"));
}

#[test]
fn a_users_file_takes_the_place_of_the_shipped_one_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, name: &str| {
        let text = SMALL.replace("\"own\"", &format!("\"{name}\""));
        std::fs::write(folder.path().join(file), text).unwrap();
    };
    write("a.toml", "edfi-ods");
    let all = load(folder.path()).unwrap();
    assert_eq!(all["edfi-ods"].product, "p");
    assert!(all.contains_key("wso2-token"));
    write("b.toml", "edfi-ods");
    let twice = load(folder.path()).unwrap_err().to_string();
    assert!(twice.contains("b.toml") && twice.contains("rename one"), "{twice}");
}
