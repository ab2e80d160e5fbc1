//! Which token goes by which variable.

use std::collections::BTreeSet;

use tokenkeeper_shared::{
    exit::{Exit, Failure},
    name::TokenName,
};

use crate::cli::variable;

/// `VAR=NAME`, as the command line gives it.
#[derive(Debug, Clone)]
pub(super) struct Assignment {
    variable: String,
    name: TokenName,
}

/// Variables with their tokens. Each variable, and each with `_FILE` behind it, is there once.
#[derive(Debug)]
pub(super) struct Plan(pub(super) Vec<(String, TokenName)>);

impl Assignment {
    /// # Errors
    /// A text for the command line's own message.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (variable, name) = text.split_once('=').ok_or("write VAR=NAME")?;
        let variable = variable::checked(variable)?;
        let name = name.parse::<TokenName>().map_err(|error| error.to_string())?;
        Ok(Self { variable, name })
    }
}

impl Plan {
    /// Names go by their own variable unless one was chosen for them.
    ///
    /// # Errors
    /// Two tokens would go by one variable.
    pub(super) fn of(names: &[TokenName], chosen: &[Assignment]) -> Result<Self, Failure> {
        let is_chosen = |name: &TokenName| chosen.iter().any(|given| given.name == *name);
        let own: BTreeSet<_> = names.iter().filter(|name| !is_chosen(name)).collect();
        let own = own.into_iter().map(|name| (variable::of(name), name.clone()));
        let chosen = chosen.iter().map(|given| (given.variable.clone(), given.name.clone()));
        let plan: Vec<_> = chosen.chain(own).collect();
        let mut taken = BTreeSet::new();
        for (variable, name) in &plan {
            for variable in [variable.clone(), format!("{variable}_FILE")] {
                if taken.contains(&variable) {
                    let message = format!(
                        "{variable} is wanted twice: choose another variable by --env VAR={name}"
                    );
                    return Err(Failure::new(Exit::Usage, message));
                }
                taken.insert(variable);
            }
        }
        Ok(Self(plan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(names: &[&str], chosen: &[&str]) -> Result<Vec<(String, String)>, Failure> {
        let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
        let chosen: Vec<_> = chosen.iter().map(|text| Assignment::parse(text).unwrap()).collect();
        let plan = Plan::of(&names, &chosen)?.0.into_iter();
        Ok(plan.map(|(variable, name)| (variable, name.to_string())).collect())
    }

    #[test]
    fn each_token_has_its_own_variable_unless_one_was_chosen() {
        let pair = |variable: &str, name: &str| (variable.to_owned(), name.to_owned());
        assert_eq!(plan(&["a", "a"], &[]).unwrap(), [pair("A_TOKEN", "a")]);
        assert_eq!(plan(&["a"], &["X=a"]).unwrap(), [pair("X", "a")]);
        assert_eq!(
            plan(&["b"], &["X=a", "Y=a"]).unwrap(),
            [pair("X", "a"), pair("Y", "a"), pair("B_TOKEN", "b")]
        );
    }

    #[test]
    fn a_variable_that_is_wanted_twice_is_refused() {
        for (names, chosen) in [
            (&["a.b", "a-b"][..], &[][..]),
            (&["a", "A"], &[]),
            (&[], &["X=a", "X=b"]),
            (&[], &["X=a", "X_FILE=b"]),
            (&["a"], &["A_TOKEN=b"]),
        ] {
            let refused = plan(names, chosen).unwrap_err();
            assert_eq!(refused.exit, Exit::Usage);
            assert!(refused.message.contains("--env VAR="), "{refused}");
        }
    }

    #[test]
    fn an_assignment_that_is_none_is_refused() {
        for bad in ["", "a", "=a", "X=", "X Y=a", "9=a", "X=a b", "X=-a"] {
            assert!(Assignment::parse(bad).is_err(), "{bad}");
        }
    }
}
