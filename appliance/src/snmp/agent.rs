//! The agent: SNMP on a socket, in front of the objects.
//!
//! Everybody who may ask may read everything and write nothing. A user must come with
//! authentication and privacy, a community from where it may be used: to anybody else there is
//! nothing here.
//!
//! Source: RFC 3414 (USM), RFC 3415 (VACM), RFC 7860 (HMAC-SHA-256), RFC 3826 (AES-128); the
//! library `async-snmp`, which nothing but this folder names.
//! Refuses: `SNMPv1`, SET, and a user without privacy.

use std::{
    fmt::{self, Debug},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use async_snmp::{
    AgentBuilder, Auth, AuthProtocol, AuthoritativeEngine, PrivProtocol, SecurityLevel,
    SecurityModel,
};
use tokio::{sync::oneshot, task::JoinSet};
use tracing::{error, info, warn};
use weir_hal::Disk;

use crate::{
    causes::with_causes,
    config,
    snmp::{
        Mib, Oid, SnmpError, Tally,
        access::{Access, User},
        engine_state,
        enterprise::{ENTERPRISE_NUMBER, is_development},
        notifier::{Notifier, Target},
        objects::{Objects, theirs},
    },
};

/// Requests answered at one time.
const REQUESTS_MAX: usize = 16;

/// Bytes of requests that wait in the kernel.
const RECEIVE_BUFFER_BYTES: usize = 256 << 10;

/// How long a request may wait before it is not looked at any more.
const REQUEST_DEADLINE: Duration = Duration::from_secs(1);

/// How long an answer may take to get out.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Below which everything is.
const INTERNET: [u32; 4] = [1, 3, 6, 1];

/// What a community may read: nothing of the security of the agent itself.
const COMMUNITY_VIEW: [&[u32]; 2] = [&[1, 3, 6, 1, 2, 1], &[1, 3, 6, 1, 4, 1]];

/// Names of groups and views of VACM.
const USERS: &str = "users";
const COMMUNITY: &str = "community";

/// An agent that knows whom to answer, and does not listen yet.
pub struct Agent {
    listen: SocketAddr,
    engine: AuthoritativeEngine,
    answer_bytes_max: usize,
    access: Access,
    managers: Vec<Target>,
    tally: Arc<Tally>,
}

/// An agent that listens.
pub struct Listening {
    agent: async_snmp::Agent,
    notifiers: Vec<Notifier>,
}

impl Debug for Agent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Agent")
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

impl Debug for Listening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.local_address();
        formatter
            .debug_struct("Listening")
            .field("address", &address)
            .finish_non_exhaustive()
    }
}

impl Agent {
    /// Reads the secrets that `config` names, and counts one more start. Blocks.
    ///
    /// # Errors
    /// [`SnmpError`], which names the file and shows nothing of it.
    pub fn open(config: &config::Snmp, disk: &Arc<dyn Disk>) -> Result<Self, SnmpError> {
        let access = Access::read(config, &**disk)?;
        let managers = managers(config, &access)?;
        warn_of_development();
        Ok(Self {
            listen: config.listen,
            engine: engine_state::start(disk, &config.state)?,
            answer_bytes_max: usize::try_from(config.largest_answer.0).unwrap_or(usize::MAX),
            access,
            managers,
            tally: Arc::default(),
        })
    }

    /// What it counts, now and once it listens.
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    /// Listens, to answer with `mib`.
    ///
    /// # Errors
    /// [`SnmpError::Listen`] when the address is not to be had, [`SnmpError::User`] when the
    /// secrets of a user cannot be used.
    pub async fn listen(mut self, mib: Mib) -> Result<Listening, SnmpError> {
        let mib = Arc::new(mib);
        let builder = self.builder(&mib)?;
        let Self {
            listen,
            engine,
            managers,
            tally,
            ..
        } = self;
        let agent = builder.build().await;
        let agent = agent.map_err(|source| SnmpError::Listen {
            address: listen,
            source,
        })?;
        info!(address = %agent.local_addr(), "SNMP is answered");
        drop(tally.agent.set(agent.clone()));
        let notifier = |manager| {
            Notifier::new(
                manager,
                engine.clone(),
                Arc::clone(&mib),
                Arc::clone(&tally),
            )
        };
        let notifiers = managers.into_iter().map(notifier).collect();
        Ok(Listening { agent, notifiers })
    }

    /// What the library is to listen with: within which limits, to whom, to answer with what.
    fn builder(&mut self, mib: &Arc<Mib>) -> Result<AgentBuilder, SnmpError> {
        let Access { users, community } = std::mem::take(&mut self.access);
        let allowed = community.as_ref().map(|it| it.allowed.clone());
        let handler = Objects {
            mib: Arc::clone(mib),
            allowed: allowed.unwrap_or_default(),
            tally: Arc::clone(&self.tally),
        };
        let mut builder = AgentBuilder::new()
            .bind(self.listen.to_string())
            .authoritative_engine(self.engine.clone())
            .max_message_size(self.answer_bytes_max)
            .max_concurrent_requests(Some(REQUESTS_MAX))
            .recv_buffer_size(Some(RECEIVE_BUFFER_BYTES))
            .request_deadline(Some(REQUEST_DEADLINE))
            .response_send_timeout(SEND_TIMEOUT)
            .without_builtin_handlers()
            .handler(theirs(&Oid::new(&INTERNET)), Arc::new(handler));
        let names = users.iter().map(|user| user.name.clone()).collect();
        for user in users {
            builder = with_user(builder, user)?;
        }
        let secret = community.map(|community| community.secret);
        if let Some(secret) = &secret {
            builder = builder.community(secret);
        }
        Ok(restricted(builder, names, secret))
    }
}

impl Listening {
    /// Where it listens.
    pub fn local_address(&self) -> SocketAddr {
        self.agent.local_addr()
    }

    /// Answers until `shutdown` completes, and what was asked by then; tells managers meanwhile.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let (ended, end) = oneshot::channel::<()>();
        let agent = self.agent.clone();
        let mut telling = JoinSet::new();
        for notifier in self.notifiers {
            telling.spawn(notifier.run(agent.cancellation_token().cancelled_owned()));
        }
        let stop = async {
            tokio::select! {
                () = shutdown => agent.cancel(),
                _ = end => {}
            }
        };
        let answer = async {
            if let Err(why) = self.agent.run().await {
                let error = with_causes(&*why);
                error!(error, "SNMP is not answered any more: restart weir");
            }
            drop(ended);
        };
        tokio::join!(stop, answer);
        agent.cancel();
        telling.join_all().await;
    }
}

/// Says so if no box may be sold with this build.
fn warn_of_development() {
    if is_development() {
        warn!("SNMP goes by the development enterprise number {ENTERPRISE_NUMBER}: not for sale");
    }
}

/// Whom to tell of alarms, and as whom.
fn managers(config: &config::Snmp, access: &Access) -> Result<Vec<Target>, SnmpError> {
    let mut managers = Vec::with_capacity(config.managers.len());
    for manager in &config.managers {
        let name = manager.user.as_ref();
        let user = name.and_then(|name| access.users.iter().find(|user| user.name == *name));
        let auth = match (user, &access.community) {
            (Some(user), _) => user.keyed()?,
            (None, Some(community)) => Auth::v2c(&community.secret),
            // The configuration has seen to it that one of them is there.
            (None, None) => continue,
        };
        managers.push(Target {
            address: manager.address,
            auth,
            is_informed: manager.informs,
        });
    }
    Ok(managers)
}

fn with_user(builder: AgentBuilder, user: User) -> Result<AgentBuilder, SnmpError> {
    let User {
        name,
        auth,
        privacy,
    } = user;
    let with_keys = |user: async_snmp::UsmUser| {
        user.auth_priv(AuthProtocol::Sha256, auth, PrivProtocol::Aes128, privacy)
    };
    let added = builder.usm_user(name.clone(), with_keys);
    added.map_err(|source| SnmpError::User { name, source })
}

/// Lets users in by authentication and privacy alone, and the community by `SNMPv2c` alone.
fn restricted(
    builder: AgentBuilder,
    users: Vec<String>,
    community: Option<Vec<u8>>,
) -> AgentBuilder {
    let view = |mut view: async_snmp::View, subtrees: &[&[u32]]| {
        for subtree in subtrees {
            view = view.include(theirs(&Oid::new(subtree)));
        }
        view
    };
    builder.vacm(|mut vacm| {
        for user in users {
            vacm = vacm.group(user, SecurityModel::Usm, USERS);
        }
        if let Some(community) = community {
            vacm = vacm.group(community, SecurityModel::V2c, COMMUNITY);
        }
        vacm.access(
            USERS,
            SecurityModel::Usm,
            SecurityLevel::AuthPriv,
            |access| access.read_view(USERS),
        )
        .access(
            COMMUNITY,
            SecurityModel::V2c,
            SecurityLevel::NoAuthNoPriv,
            |access| access.read_view(COMMUNITY),
        )
        .view(USERS, |it| view(it, &[&INTERNET]))
        .view(COMMUNITY, |it| view(it, &COMMUNITY_VIEW))
    })
}
