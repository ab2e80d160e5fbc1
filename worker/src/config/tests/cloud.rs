//! What a cloud's own variable changes.

use super::*;
use crate::config::cloud::LAMBDA;

const TOKEN: &str = "[tokens.a]\nprovider = \"oauth2\"\ngrant = \"client_credentials\"\n\
                     token_url = \"https://a.example\"\nclient_id = \"c\"\nclient_secret = { env = \"S\" }\n";
const SERVER: (&str, &str) = ("TOKENKEEPER_DATABASE_URL", "postgres://u@db.example/d");
const CLOUDS: [(&str, &str); 2] = [(CUSTOM_HANDLER, "7071"), (LAMBDA, "127.0.0.1:9001")];

#[test]
fn there_no_journal_is_kept_but_where_somebody_says() {
    for cloud in CLOUDS {
        let load = |more: &[(&str, &str)]| {
            let pairs: Vec<_> = [SERVER, cloud].iter().chain(more).copied().collect();
            Home::new().load(Some(TOKEN), &pairs).unwrap().journal
        };
        assert_eq!(load(&[]), JournalSetting::Off, "{cloud:?}");
        let named = load(&[("TOKENKEEPER_JOURNAL", "/mnt/share")]);
        assert_eq!(named, JournalSetting::At("/mnt/share".into()), "{cloud:?}");
    }
    let elsewhere = Home::new().load(Some(TOKEN), &[SERVER]).unwrap();
    assert_eq!(elsewhere.journal, JournalSetting::Default);
}

#[test]
fn there_a_file_is_no_place_for_tokens_and_who_has_none_needs_none() {
    for cloud in CLOUDS {
        let refused = Home::new().load(Some(TOKEN), &[cloud]).unwrap_err().to_string();
        assert!(refused.contains("set TOKENKEEPER_DATABASE_URL to a PostgreSQL"), "{refused}");
        let file = ("TOKENKEEPER_DATABASE_URL", "sqlite:///tmp/tokens.db");
        assert!(Home::new().load(Some(TOKEN), &[cloud, file]).is_err(), "{cloud:?}");
        assert!(Home::new().load(Some(""), &[cloud]).is_ok(), "{cloud:?}");
    }
    assert!(Home::new().load(Some(TOKEN), &[]).is_ok());
}
