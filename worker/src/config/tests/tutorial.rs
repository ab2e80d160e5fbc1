//! The three variables of the provider's tutorial.

use super::*;

const ALL: [(&str, &str); 3] = [
    ("QUARTILE_SUBSCRIPTION_KEY", "canary-key"),
    ("QUARTILE_YOUR_USERNAME", "canary-user"),
    ("QUARTILE_YOUR_PASSWORD", "canary-password"),
];

fn bare(pairs: &[(&str, &str)]) -> Result<Config, SettingsError> {
    Home::new().load_bare(pairs)
}

#[test]
fn the_tutorials_variables_alone_define_a_token() {
    let config = bare(&ALL).unwrap();
    assert!(config.is_tutorials);
    assert_eq!(config.tokens.len(), 1);
    let token = token(&config, "quartile");
    assert_eq!((token.policy, token.replay_window), (RefreshPolicy::default(), Duration::ZERO));
    let quartile = quartile(token);
    assert_eq!(quartile.url.as_str(), "https://api.quartile.com/auth/v2");
    assert_eq!(quartile.subscription_key, env(ALL[0].0));
    assert!(is_env(&quartile.username, ALL[1].0));
    assert_eq!(quartile.password, env(ALL[2].0));
}

#[test]
fn without_them_there_is_nothing_to_keep() {
    for pairs in [vec![], ALL.map(|(name, _)| (name, "")).to_vec()] {
        let config = bare(&pairs).unwrap();
        assert!(config.tokens.is_empty() && !config.is_tutorials);
    }
}

#[test]
fn each_may_be_given_as_a_file() {
    let home = Home::new();
    let file = home.file("secret", "canary-file\n");
    for kept in 0..ALL.len() {
        let mut pairs = ALL.to_vec();
        let name = format!("{}_FILE", ALL[kept].0);
        pairs[kept] = (&name, &file);
        let config = home.load_bare(&pairs).unwrap();
        assert!(config.is_tutorials);
        let environment = home.environment(&pairs);
        let secret = env(ALL[kept].0).resolve(&environment, "it").unwrap();
        assert_eq!(secret.expose(), "canary-file");
    }
}

#[test]
fn some_of_them_are_a_mistake_that_names_the_others() {
    for mask in 1..7_usize {
        let (set, missing): (Vec<_>, Vec<_>) = (0..3).partition(|bit| mask & (1 << bit) != 0);
        let pairs: Vec<_> = set.iter().map(|&bit| ALL[bit]).collect();
        let message = bare(&pairs).unwrap_err().to_string();
        assert!(message.starts_with(ALL[set[0]].0), "{message}");
        for bit in missing {
            assert!(message.contains(ALL[bit].0), "{message}");
        }
        assert!(message.contains("needs all three") && !message.contains("canary"), "{message}");
    }
}

#[test]
fn a_file_beside_them_ends_the_tutorial_but_not_their_token() {
    let home = Home::new();
    let config = home.load(Some("seal = \"off\""), &ALL).unwrap();
    assert!(!config.is_tutorials);
    assert_eq!(config.tokens.len(), 1);
    let both = home.load(Some(&quartile_with("")), &ALL).unwrap();
    let names: Vec<_> = both.tokens.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["q", "quartile"]);
}

#[test]
fn a_table_of_that_name_goes_before_them() {
    let text = quartile_with("version = \"v3\"").replace("tokens.q]", "tokens.quartile]");
    let config = Home::new().load(Some(&text), &ALL).unwrap();
    assert_eq!(config.tokens.len(), 1);
    assert_eq!(quartile(token(&config, "quartile")).subscription_key, env("K"));
}

#[test]
fn a_table_of_that_name_may_refer_to_some_of_them() {
    let text = quartile_with("").replace("tokens.q]", "tokens.quartile]");
    let text = text.replace("\"K\"", "\"QUARTILE_SUBSCRIPTION_KEY\"");
    let config = Home::new().load(Some(&text), &[ALL[0], ("P", "p")]);
    assert!(config.is_ok(), "{config:?}");
}

#[test]
fn their_base_may_be_another_as_far_as_addresses_go() {
    let with_base = |base| bare(&[ALL[0], ALL[1], ALL[2], ("QUARTILE_BASE_URL", base)]);
    let config = with_base("http://127.0.0.1:9/auth").unwrap();
    assert_eq!(quartile(token(&config, "quartile")).url.as_str(), "http://127.0.0.1:9/auth/v2");
    let message = with_base("http://u:canary@example.com/auth").unwrap_err().to_string();
    assert!(message.starts_with("QUARTILE_BASE_URL: "), "{message}");
    assert!(message.contains("credentials need https") && !message.contains("canary"), "{message}");
}
