//! What the nemesis does, about once a second: kills, freezes, and a database server that dies.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    dice::Dice,
    ground::Ground,
    history::History,
    sql,
    workers::{Crew, now},
};
use crate::harness::databases::Kind;

pub struct Nemesis<'a> {
    pub ground: &'a Ground,
    pub crew: &'a Crew,
    pub history: &'a History,
    pub dice: Dice,
    /// Whether there is time to let some leases lapse by themselves.
    pub is_long: bool,
    victims: Vec<Victim>,
}

struct Victim {
    process: u32,
    at: Instant,
    /// Whether its leases are moved into the past, as time does.
    lapses: bool,
}

impl<'a> Nemesis<'a> {
    pub fn new(
        ground: &'a Ground,
        crew: &'a Crew,
        history: &'a History,
        dice: Dice,
        length: Duration,
    ) -> Self {
        let is_long = length >= LONG;
        Self { ground, crew, history, dice, is_long, victims: Vec::new() }
    }

    pub fn rage(&mut self, length: Duration) {
        let began = now();
        for number in 0.. {
            sleep(self.dice.millis(300, 1200));
            if began.elapsed() >= length {
                return;
            }
            match number % 5 {
                2 if self.ground.server.is_some() => self.fell_the_server(),
                4 => self.freeze(),
                _ => self.kill(),
            }
            self.sweep();
        }
    }

    fn kill(&mut self) {
        let post = self.dice.throw(Crew::posts().len());
        let at = now();
        let killed = self.crew.meet(post, |running| {
            running.signal("KILL");
            running.id()
        });
        if let Some(process) = killed {
            self.history.deeds.lock().kills += 1;
            self.note(process, at);
        }
    }

    /// A machine that sleeps. Another worker takes over when the lease has lapsed; then the first
    /// goes on.
    fn freeze(&mut self) {
        let post = self.dice.throw(Crew::posts().len());
        let at = now();
        let frozen = self.crew.meet(post, |running| {
            running.signal("STOP");
            running.id()
        });
        let Some(process) = frozen else { return };
        self.history.deeds.lock().freezes += 1;
        self.note(process, at);
        // On SQLite it may have frozen in a write, and then nobody else can change anything.
        if self.ground.database.kind == Kind::Sqlite {
            self.witness(process, at);
        } else {
            self.sweep();
        }
        sleep(self.dice.millis(500, 3000));
        self.crew.meet(post, |running| running.signal("CONT"));
        // What it claims from now on is nobody's business.
        self.victims.retain(|victim| victim.process != process);
    }

    fn fell_the_server(&mut self) {
        let Some(server) = &self.ground.server else { return };
        let down = now();
        server.kill();
        sleep(self.dice.millis(200, 1500));
        self.kill();
        sleep(self.dice.millis(100, 500));
        server.restart();
        self.history.outages.lock().push((down, now()));
        self.history.deeds.lock().restarts += 1;
    }

    fn note(&mut self, process: u32, at: Instant) {
        let lapses = !self.is_long || self.dice.throw(3) > 0;
        self.victims.push(Victim { process, at, lapses });
    }

    /// Writes down which rows the victims held, and lets leases lapse. A victim's last statement may
    /// take effect after its death, so they are looked at more than once.
    fn sweep(&mut self) {
        for victim in &self.victims {
            self.witness(victim.process, victim.at);
            if victim.lapses {
                let lapse =
                    format!("UPDATE tokens SET lease_until = 1 WHERE {}", held_by(victim.process));
                sql::run(&self.ground.database, &lapse);
            }
        }
        let keep = self.victims.len().saturating_sub(REMEMBERED);
        self.victims.drain(..keep);
    }

    fn witness(&self, process: u32, at: Instant) {
        for name in held(self.ground, process) {
            if !self.history.was_cut(&name, at, at) {
                self.history.cut(&name, at);
            }
        }
    }
}

fn held(ground: &Ground, process: u32) -> Vec<String> {
    let list = match ground.database.kind {
        Kind::Postgres => "string_agg(name, ',')",
        Kind::Sqlite | Kind::MySql => "GROUP_CONCAT(name)",
    };
    let query = format!("SELECT COALESCE({list}, '') FROM tokens WHERE {}", held_by(process));
    let names = sql::cell(&ground.database, &query).unwrap_or_default();
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn held_by(process: u32) -> String {
    format!("updating AND worker LIKE '%:{process}:%'")
}

/// Two leases.
const LONG: Duration = Duration::from_secs(120);
const REMEMBERED: usize = 4;
