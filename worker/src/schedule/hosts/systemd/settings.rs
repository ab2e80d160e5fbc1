//! The settings of units, each with its reason: parts of files, put together by the room above.

pub(super) const NETWORK: &str = "\
# Before that the names of databases and providers may not be resolved.
Wants=network-online.target
After=network-online.target
";

pub(super) const REFRESH: &str = "\
# While it runs it is not started once more; between hosts the lease in the database sees to that.
Type=oneshot
# A run begins nothing new after its deadline (5 min), then stores what came for a minute at most.
TimeoutStartSec=10min
# Some tokens failed and none has expired: the next start tries again. Every other code is worth a look.
SuccessExitStatus=3
";

pub(super) const CLEANUP: &str = "\
# While it runs it is not started once more; between hosts the ledger in the cleaned database sees to that.
Type=oneshot
# It is asked to stop then, ends after its batch, and the next run goes on.
TimeoutStartSec=6h
TimeoutStopSec=2min
# Something is left, which the next run takes.
SuccessExitStatus=3
# Behind whatever people wait for.
Nice=10
IOSchedulingClass=idle
";

pub(super) const DAEMON: &str = "\
# It tells when it is ready, and what it waits for until then.
Type=notify
ExecReload=/bin/kill -HUP $MAINPID
# It is fed while the loop turns.
WatchdogSec=60
Restart=on-failure
RestartSec=5s
# A wrong configuration is not mended by starting again.
RestartPreventExitStatus=2
";

pub(super) const CREDENTIALS: &str = "\
# Secrets come as files that this service alone can read and its children do not inherit, as variables would be:
#   LoadCredential=NAME:/path/of/the/secret (only root need read it), and in the configuration { credential = \"NAME\" }
";

pub(super) const OWNER: &str = "\
# A user that exists while it runs, the same one for each of these units.
DynamicUser=yes
User=tokenkeeper
# The one place where it may write: the journal, and a SQLite file (/var/lib/tokenkeeper).
StateDirectory=tokenkeeper
StateDirectoryMode=0700
# The user's home is /: a key that is made with a new SQLite file lies beside that.
Environment=XDG_CONFIG_HOME=%S
";

pub(super) const USERS_OWNER: &str = "\
# Files lie where the user's own runs have them (~/.local/state/tokenkeeper): no StateDirectory=, which moves them.
";

pub(super) const HARDENED_EVERYWHERE: &str = "\
# It needs the network, its files and nothing else.
UMask=0077
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
";

pub(super) const HARDENED: &str = "\
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
CapabilityBoundingSet=
AmbientCapabilities=
";

pub(super) const INTERVAL: &str = "\
# Soon after boot, at once where that is over, and so long after each start: no wall clock that jumps decides. It stands
# still while the machine is suspended. (Persistent= would do nothing here: it heeds OnCalendar= only.)
";

pub(super) const CALENDAR: &str = "\
# On a wall clock, in its own zone whatever the host's is.
";

pub(super) const PERSISTENT: &str = "\
# A time that was missed, as the machine was off, is made up for once.
Persistent=true
# The default is a minute late.
";

pub(super) const RANDOM: &str = "\
# Hosts do not ask one provider at one moment; within a minute, so that clean-ups of many hosts are one run.
";
