//! Time zones by name.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::WrongSchedule;

/// The zone of this IANA name.
///
/// # Errors
/// [`WrongSchedule`] with the name that is nearest to it.
pub fn zone(name: &str) -> Result<Tz, WrongSchedule> {
    name.parse().map_err(|_| {
        let likeness = |zone: &Tz| strsim::jaro_winkler(&zone.name().to_lowercase(), &name.to_lowercase());
        let nearest = TZ_VARIANTS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let shown: String = name.chars().take(64).collect();
        let nearest = nearest.filter(|zone| likeness(zone) > ALIKE);
        WrongSchedule(match nearest {
            Some(zone) => format!("there is no time zone {shown:?}: is {:?} meant?", zone.name()),
            None => format!("there is no time zone {shown:?}: write an IANA name, such as \"Europe/Zurich\" or \"UTC\""),
        })
    })
}

/// Less is another word.
const ALIKE: f64 = 0.85;
