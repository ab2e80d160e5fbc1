//! Redirects are refused, and nothing reaches where they lead: P11.

use tokenkeeper_worker::{outcome::Class, provider::Step, sandbox::Fault};

use crate::{
    ground::{Ground, failure},
    raw::Untouched,
};

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let ground = Ground::new().await;
    let other = Untouched::new();
    let address = other.address();
    let targets = [
        format!("http://{address}/auth/v2/refresh?canary=1"),
        format!("https://{address}/oauth2/token"),
        format!("//{address}/canary"),
        format!("http://canary:canary@{address}/"),
    ];
    for provider in [ground.quartile(), ground.oauth2()] {
        for target in &targets {
            for status in [301, 302, 303, 307, 308] {
                for step in [ground.refresh(), Step::Login] {
                    let location = target.clone();
                    ground.sandbox.next_answer(Fault::Redirect { location, status });
                    let failed = failure(ground.judged(&provider, &step).await);
                    assert_eq!(failed.class, Class::Misconfigured);
                    assert!(
                        failed.message.contains(&format!("{status}, a redirect to {address},"))
                    );
                }
            }
        }
    }
    assert!(other.is_untouched());
}

#[tokio::test]
async fn a_redirect_to_the_same_host_or_to_nowhere_is_refused_alike() {
    let ground = Ground::new().await;
    for provider in [ground.quartile(), ground.oauth2()] {
        for location in ["/auth/v2/refresh", "/oauth2/token", "?again", "", "http://[", "\u{1}"] {
            let (before, location) = (ground.sandbox.counts().exchanges, location.to_owned());
            let fault = Fault::Redirect { location, status: 307 };
            let failed = failure(ground.spoiled(&provider, fault).await);
            assert_eq!(failed.class, Class::Misconfigured);
            assert_eq!(ground.sandbox.counts().exchanges, before + 1);
        }
    }
}
