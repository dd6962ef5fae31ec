//! What each command does.

mod actor;
mod append;
mod audit;
mod backup;
mod bundle;
mod evidence;
mod forks;
mod fsck;
mod generate;
mod key;
mod keyline;
mod kind;
mod log;
mod login;
mod monitor;
mod pages;
mod policy;
mod prove;
mod record;
mod replicate;
mod scroll;
mod session;
mod settings;
mod tail;
mod tiles;
mod token;
mod trust_anchor;
mod up;
mod verify;
mod witness;

use crate::args::{Action, Actor, Bundle, Cli, Global, Key, Log, Session, Witness};
use crate::failure::{Failure, Stop, reason};
use crate::local::Settings;
use crate::out::Out;

/// Does what was asked for.
pub(crate) fn run(cli: Cli, out: Out) -> Result<(), Stop> {
    let global = &cli.global;
    match cli.action {
        Action::Up(up) => up::run(global, &up, out),
        Action::Append(append) => on(global, async |s| append::run(s, &append, out).await),
        // Looks from outside: no node, no data directory, no configuration.
        Action::Log(Log::Audit(audit)) => run_async(async || audit::run(&audit, out).await),
        Action::Log(Log::Monitor(monitor)) => monitor::run(global, &monitor, out),
        Action::Log(Log::Evidence(evidence)) => evidence::run(&evidence, out),
        Action::Log(log) => on(global, async |s| log::run(s, log, out).await),
        Action::Prove(prove) => on(global, async |s| prove::run(s, &prove, out).await),
        // Offline by design: reads nothing but the files it is given, not even the configuration.
        Action::Verify(verify) => verify::run(&verify, out),
        // Touches no node and no data directory.
        Action::Actor(Actor::Generate { output }) => actor::generate(&output, out),
        Action::Actor(Actor::Key { file }) => actor::key(&file, out),
        Action::Actor(actor) => on(global, async |s| actor::run(s, actor, out).await),
        // Looks at a file: no node, no data directory, no configuration.
        Action::Session(Session::Import(import)) if import.dry_run => {
            session::dry_run(&import, out)
        }
        Action::Session(session) => on(global, async |s| session::run(s, session, out).await),
        Action::Bundle(Bundle::Export {
            session,
            output,
            payload,
            with_sealed,
        }) => {
            let wanted = bundle::Wanted {
                payload,
                with_sealed,
            };
            on(global, async |s| {
                bundle::export(s, &session, &output, &wanted, out).await
            })
        }
        Action::Bundle(Bundle::Publish(publish)) => {
            on(global, async |s| replicate::publish(s, &publish, out).await)
        }
        Action::Bundle(Bundle::Fetch(fetch)) => {
            on(global, async |s| replicate::fetch(s, &fetch, out).await)
        }
        Action::Replicas(replicas) => on(global, async |s| {
            replicate::replicas(s, replicas, out).await
        }),
        // Files only, as 'verify'.
        Action::Bundle(bundle) => bundle::run(bundle, out),
        Action::TrustAnchor(anchor) => trust_anchor::run(anchor, out),
        Action::Policy(policy) => policy::run(global, policy, out),
        // Touches no node and no data directory.
        Action::Key(Key::Generate {
            name,
            ml_dsa_44,
            output,
        }) => generate::run(&name, ml_dsa_44, &output, out),
        Action::Key(key) => on(global, async |s| key::run(s, key, out).await),
        Action::Witness(Witness::Serve(serve)) => witness::serve(global, &serve, out),
        Action::Witness(witness) => on(global, async |s| witness::run(s, witness, out).await),
        Action::Token(token) => on(global, async |s| token::run(s, token, out).await),
        Action::Login => on(global, async |s| login::run(s, out).await),
        Action::Backup(backup) => on(global, async |s| backup::backup(s, &backup, out).await),
        Action::Config(config) => settings::run(global, &config, out),
        Action::Completions(wanted) => pages::completions(wanted.shell, out),
        Action::Man(man) => pages::man(man.out.as_deref(), out),
        Action::Restore(restore) => backup::restore(&Settings::load(global)?, &restore, out),
    }
}

/// Runs a command on the data directory that flags, environment and configuration name.
fn on(
    global: &Global,
    command: impl AsyncFnOnce(&Settings) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let settings = Settings::load(global)?;
    run_async(async || command(&settings).await)
}

/// Runs a command to its end.
fn run_async(command: impl AsyncFnOnce() -> Result<(), Stop>) -> Result<(), Stop> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::environment("runtime", "cannot start", reason(&e)))?;
    let done = runtime.block_on(command());
    // A read of standard input may still be waiting for a line that nobody wants any more.
    runtime.shutdown_background();
    done
}
