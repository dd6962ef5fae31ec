//! `quorate policy check`: what a policy says, what is wrong with it, and how few failure domains undo it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use quorate_policy::{
    Domain, DomainKind, Domains, FailureDomains, Fewest, KindReport, Labels, Name, Node, NodeKind,
    Policy, Quorum, Reading, Witness, read_domains,
};
use serde_json::{Value, json};

use super::drawing::{WIDTH, tree};
use super::{Problem, algorithm, problems, read, wrapped};
use crate::args::policy::Check;
use crate::failure::{Failure, Stop};
use crate::out::Out;
use crate::text::{Paint, Table, count, printable};

const MORE_WITNESSES: &str =
    "ask for more witnesses, in other domains; label those that have no label";

/// Everything there is to say about a policy file.
struct Findings {
    file: String,
    reading: Reading,
    /// The file the labels came from.
    labelled_by: Option<PathBuf>,
    /// What it says; nothing if it is malformed.
    domains: Domains,
    problems: Vec<Problem>,
    /// None if something is malformed or the policy says `quorum none`.
    analysis: Option<FailureDomains>,
    /// In words: what one domain, or nobody, can do.
    weak: Vec<String>,
    /// What the operator can do about it.
    hint: String,
}

pub(super) fn run(words: &Check, out: Out) -> Result<(), Stop> {
    let findings = Findings::new(words)?;
    out.answer(&findings.json(), |paint| findings.text(paint))?;
    match findings.failure() {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

impl Findings {
    fn new(words: &Check) -> Result<Self, Failure> {
        let reading = Policy::read(&read(&words.policy)?);
        let mut problems = problems(&words.policy, &reading);
        let labelled_by = domains_file(words)?;
        let domains = match &labelled_by {
            None => Some(Domains::default()),
            Some(path) => {
                match read_domains(&read(path)?, |name| reading.witness(name).is_some()) {
                    Ok(domains) => Some(domains),
                    Err(wrong) => {
                        problems.extend(wrong.into_iter().map(|wrong| Problem {
                            file: path.display().to_string(),
                            line: wrong.line,
                            column: wrong.column,
                            what: wrong.kind.to_string(),
                        }));
                        None
                    }
                }
            }
        };
        let analysis = match (reading.policy(), &domains) {
            (Some(policy), Some(domains)) => policy.failure_domains(domains.labels()),
            _ => None,
        };
        let domains = domains.unwrap_or_default();
        let (mut weak, mut hint) = (Vec::new(), MORE_WITNESSES.to_owned());
        if let Some(analysis) = &analysis {
            problems.extend(double_votes(&words.policy, &reading, analysis));
            if *domains.labels() == Labels::new() {
                weak.push(
                    "nothing is known of the witnesses: one domain may hold them all".to_owned(),
                );
            } else {
                let single: Vec<_> = not_accepted(analysis, &domains).collect();
                hint = another_domain(&single, &domains);
                weak.extend(single.into_iter().map(|(_, why)| why));
            }
        } else if matches!(reading.policy().map(Policy::quorum), Some(Quorum::None)) {
            weak.push(
                "the policy says 'quorum none': whoever holds the log's key needs nobody else"
                    .to_owned(),
            );
        }
        Ok(Self {
            file: words.policy.display().to_string(),
            reading,
            labelled_by,
            domains,
            problems,
            analysis,
            weak,
            hint,
        })
    }

    fn failure(&self) -> Option<Failure> {
        let found = self.problems.len() as u64;
        let (code, what, hint) = match (found, self.weak.as_slice()) {
            (0, []) => return None,
            (0, _) => ("policy-weak", format!("{} is too weak", self.file), ""),
            _ => (
                "policy-problem",
                format!("{} has {}", self.file, count(found, "problem", "problems")),
                "correct the lines named above: FILE:LINE:COLUMN",
            ),
        };
        let and_hint = if self.weak.is_empty() { "" } else { &self.hint };
        let mut why: Vec<String> = self.problems.iter().map(Problem::text).take(1).collect();
        if found > 1 {
            why.push(format!("and {} more, all named above", found - 1));
        }
        why.extend(self.weak.iter().cloned());
        let failure = Failure::refused(code, what, why.join("\n"));
        Some(failure.hint(hint).and_hint(and_hint))
    }

    fn text(&self, paint: Paint) -> String {
        let mut text = String::new();
        if let Some(policy) = self.reading.policy() {
            let _ = writeln!(text, "{}", paint.bold(&self.summary(policy)));
            let _ = writeln!(text, "{}", paint.dim(&self.source()));
            let note = |witness: &Witness| self.note(witness);
            let _ = write!(text, "\n{}", tree(policy, &note, paint));
            let idle = without_a_vote(policy);
            if !idle.is_empty() {
                text.push_str("\nWithout a vote:\n");
                for line in wrapped(&idle, WIDTH - 2) {
                    let _ = writeln!(text, "  {line}");
                }
            }
        }
        if !self.problems.is_empty() {
            let blank = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{blank}{}", paint.error("Problems"));
            for problem in &self.problems {
                let _ = writeln!(text, "  {}", printable(&problem.text()));
            }
        }
        if let Some(analysis) = &self.analysis {
            let _ = write!(text, "\n{}", table(analysis, paint));
            text.push_str(&accepted(analysis, &self.domains, paint));
            if *self.domains.labels() != Labels::new() {
                text.push_str(&unknown(analysis, paint));
            }
            if let Some(shared) = self.reading.policy().and_then(Policy::smallest_overlap) {
                let _ = writeln!(text, "{}", overlap(shared));
            }
            let claim = "Labels are claims of whoever wrote them. Software, names, certificates and\n\
                         people that all domains share are in none of these numbers.";
            let _ = writeln!(text, "{}", paint.dim(claim));
        }
        text
    }

    fn summary(&self, policy: &Policy) -> String {
        let logs = match policy.logs().len() as u64 {
            0 => "no log: the application must know it".to_owned(),
            n => count(n, "log", "logs"),
        };
        let (keys, distinct) = (policy.witnesses().count(), policy.distinct_witnesses());
        let mut witnesses = count(distinct as u64, "witness", "witnesses");
        if keys != distinct {
            let _ = write!(witnesses, " with {keys} keys");
        }
        printable(&format!("{}: {witnesses}, {logs}", self.file))
    }

    fn source(&self) -> String {
        match &self.labelled_by {
            Some(path) => printable(&format!("labels from {}", path.display())),
            None => printable(&format!(
                "no labels: all count as one domain until labels are in {}.domains.toml",
                self.file
            )),
        }
    }

    /// The kinds that a witness has no label for, where any has one.
    fn note(&self, witness: &Witness) -> String {
        let missing: Vec<&str> = DomainKind::ALL
            .into_iter()
            .filter(|&kind| self.domains.labels().get(witness.name(), kind).is_none())
            .map(DomainKind::as_str)
            .collect();
        match missing.len() {
            _ if *self.domains.labels() == Labels::new() => String::new(),
            0 => String::new(),
            n if n == DomainKind::ALL.len() => "no label".to_owned(),
            _ => format!("no label: {}", missing.join(", ")),
        }
    }

    fn json(&self) -> Value {
        let problems: Vec<Value> = self
            .problems
            .iter()
            .map(|p| json!({"file": p.file, "line": p.line, "column": p.column, "what": p.what}))
            .collect();
        let kinds = self.analysis.as_ref().map(|analysis| {
            let kinds = analysis.kinds().iter();
            let kinds = kinds.map(|report| {
                json!({
                    "kind": report.kind().as_str(),
                    "accepted": self.domains.accepts_single(report.kind()),
                    "domains": report.domains().iter().map(domain_json).collect::<Vec<_>>(),
                    "forge": fewest_json(report.forge()),
                    "stop": fewest_json(report.stop()),
                    "unlabelled": strings(report.unlabelled()),
                })
            });
            kinds.collect::<Vec<_>>()
        });
        let policy = self.reading.policy();
        json!({
            "file": self.file,
            "domains": self.labelled_by.as_ref().map(|path| path.display().to_string()),
            "problems": problems,
            "weak": self.weak,
            "logs": policy.map(|policy| policy.logs().len()),
            "quorum": policy.map(|policy| match policy.quorum() {
                Quorum::None => Value::from("none"),
                Quorum::Node(root) => node_json(root),
            }),
            "without_a_vote": policy.map(without_a_vote),
            "witnesses": policy.map(Policy::distinct_witnesses),
            "overlap": policy.and_then(Policy::smallest_overlap),
            "kinds": kinds,
        })
    }
}

/// The file that was named, or the one beside the policy if it is there.
fn domains_file(words: &Check) -> Result<Option<PathBuf>, Failure> {
    if words.domains.is_some() {
        return Ok(words.domains.clone());
    }
    let mut beside = words.policy.clone().into_os_string();
    beside.push(".domains.toml");
    let beside = PathBuf::from(beside);
    match std::fs::symlink_metadata(&beside) {
        Ok(_) => Ok(Some(beside)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Failure::file("read", &beside, &e)),
    }
}

fn double_votes<'a>(
    path: &'a Path,
    reading: &'a Reading,
    analysis: &'a FailureDomains,
) -> impl Iterator<Item = Problem> + 'a {
    analysis.double_votes().iter().map(|vote| {
        let place = reading.group(vote.group());
        let (line, column) = place.map_or((1, 1), |place| (place.line, place.column));
        let witnesses = strings(vote.witnesses()).join(", ");
        Problem {
            file: path.display().to_string(),
            line,
            column,
            what: format!(
                "`{}` has a vote for each of {witnesses}, which look like one witness of {} with two algorithms; put \
                 them into an `any` group of their own, or label what tells them apart",
                vote.group(),
                vote.operator(),
            ),
        }
    })
}

/// In words, if one domain of this kind is enough to forge a quorum, or may be.
fn one_is_enough(report: &KindReport) -> Option<String> {
    let kind = noun(report.kind());
    match report.forge() {
        Fewest::Exactly(domains) => match domains.as_slice() {
            [] | [_, _, ..] => None,
            [Domain::Labelled(label)] => {
                Some(format!("one {kind} is enough to forge a quorum: {label}"))
            }
            [Domain::Unlabelled] => Some(format!(
                "one {kind} is enough to forge a quorum: the witnesses without a label may share it"
            )),
        },
        Fewest::AtLeast(n) if *n < 2 => Some(format!(
            "it is not known that one {kind} is not enough to forge a quorum: the search ended early"
        )),
        Fewest::AtLeast(_) => None,
    }
}

/// The kinds of which one domain is enough, or may be, though nobody accepted that; and why it is.
fn not_accepted<'a>(
    analysis: &'a FailureDomains,
    domains: &'a Domains,
) -> impl Iterator<Item = (&'a KindReport, String)> {
    let kinds = analysis.kinds().iter();
    kinds
        .filter(|report| !domains.accepts_single(report.kind()))
        .filter_map(|report| Some((report, one_is_enough(report)?)))
}

/// What to do about kinds of which one domain is enough.
fn another_domain(single: &[(&KindReport, String)], domains: &Domains) -> String {
    let has = |kind| single.iter().any(|(report, _)| report.kind() == kind);
    let nouns: Vec<_> = single
        .iter()
        .map(|(report, _)| noun(report.kind()))
        .collect();
    let mut hint = format!("ask for witnesses of another {}", nouns.join(", another "));
    if single
        .iter()
        .any(|(report, _)| !report.unlabelled().is_empty())
    {
        hint.push_str("; label those that have no label");
    }
    let accept = DomainKind::ALL
        .into_iter()
        .filter(|&kind| domains.accepts_single(kind) || has(kind));
    let accept: Vec<_> = accept.map(|kind| format!("\"{kind}\"")).collect();
    // All five are not accepted from anybody.
    if accept.len() < DomainKind::ALL.len() {
        let _ = write!(
            hint,
            "\nif this is on purpose, accept it at the top of the domains file:\naccept_single = [{}]",
            accept.join(", ")
        );
    }
    hint
}

/// What two quorums share, and what that means once the log's key is stolen.
fn overlap(shared: usize) -> String {
    match shared {
        0 => "Two quorums need not share a witness. With the log's key alone stolen, two\n\
              histories can be quorate if the witnesses that it takes are behind."
            .to_owned(),
        n => format!(
            "Two quorums share at least {}. With {} keys and the log's stolen,\n\
             two histories can be quorate if the other witnesses that it takes are behind.",
            count(n as u64, "witness", "witnesses"),
            if n == 1 { "its" } else { "their" },
        ),
    }
}

/// Which kinds the exit code leaves out, and whether it needs to.
fn accepted(analysis: &FailureDomains, domains: &Domains, paint: Paint) -> String {
    let kinds = analysis.kinds().iter();
    let accepted = kinds.filter(|report| domains.accepts_single(report.kind()));
    let mut text = String::new();
    for report in accepted {
        let what = match one_is_enough(report) {
            Some(_) => "accepted if one domain is enough",
            None => "accepted if one domain is enough, but it takes more",
        };
        let _ = writeln!(text, "{}", paint.dim(&format!("{}: {what}", report.kind())));
    }
    text
}

fn noun(kind: DomainKind) -> &'static str {
    match kind {
        DomainKind::KeyStore => "key store",
        other => other.as_str(),
    }
}

/// Two rows per kind: the number and one example for it, broken where the screen ends.
fn table(analysis: &FailureDomains, paint: Paint) -> String {
    let mut table = Table::new(&["domain", "to", ">fewest", "for example"]);
    for report in analysis.kinds() {
        for (kind, to, fewest) in [
            (report.kind().as_str(), "forge", report.forge()),
            ("", "stop", report.stop()),
        ] {
            let (number, example) = match fewest {
                Fewest::Exactly(domains) => (
                    domains.len().to_string(),
                    domains.iter().map(ToString::to_string).collect(),
                ),
                Fewest::AtLeast(n) => (format!("≥ {n}"), vec!["(too much to search)".to_owned()]),
            };
            // `key_store`, `forge`, `fewest` and the gaps between them are 26 wide.
            let mut lines = wrapped(&example, WIDTH - 26).into_iter();
            let first = lines.next().unwrap_or_default();
            table.push(&[kind, to, &number, &first]);
            for line in lines {
                table.push(&["", "", "", &line]);
            }
        }
    }
    table.render(paint)
}

/// Which witnesses count as one because nothing is known of them.
fn unknown(analysis: &FailureDomains, paint: Paint) -> String {
    let mut text = String::new();
    for report in analysis
        .kinds()
        .iter()
        .filter(|r| !r.unlabelled().is_empty())
    {
        let n = report.unlabelled().len() as u64;
        let what = format!(
            "{}: {} without a label {} as one domain",
            report.kind(),
            count(n, "witness", "witnesses"),
            if n == 1 { "counts" } else { "count" }
        );
        let _ = writeln!(text, "{}", paint.caution(&what));
    }
    text
}

/// Witnesses that the quorum does not reach.
fn without_a_vote(policy: &Policy) -> Vec<String> {
    fn voters(node: Node<'_>, found: &mut std::collections::BTreeSet<Name>) {
        match node.kind() {
            NodeKind::Witness(witness) => {
                found.insert(witness.name().clone());
            }
            NodeKind::Group(group) => group.members().for_each(|member| voters(member, found)),
        }
    }
    let mut voting = std::collections::BTreeSet::new();
    if let Quorum::Node(root) = policy.quorum() {
        voters(root, &mut voting);
    }
    policy
        .witnesses()
        .filter(|witness| !voting.contains(witness.name()))
        .map(|witness| witness.name().to_string())
        .collect()
}

fn strings(names: &[Name]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn domain_json(domain: &Domain) -> Value {
    match domain {
        Domain::Labelled(label) => Value::from(label.as_str()),
        Domain::Unlabelled => Value::Null,
    }
}

fn fewest_json(fewest: &Fewest) -> Value {
    match fewest {
        Fewest::Exactly(domains) => json!({
            "fewest": domains.len(),
            "example": domains.iter().map(domain_json).collect::<Vec<_>>(),
        }),
        Fewest::AtLeast(n) => json!({"at_least": n}),
    }
}

/// Recursion is bounded by the depth that a policy may have.
fn node_json(node: Node<'_>) -> Value {
    let name = node.name().to_string();
    match node.kind() {
        NodeKind::Witness(witness) => {
            json!({"name": name, "algorithm": algorithm(witness.key().kind())})
        }
        NodeKind::Group(group) => json!({
            "name": name,
            "required": group.required(),
            "members": group.members().map(node_json).collect::<Vec<_>>(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two witnesses, both asked for, in the clouds named; the search may do so much.
    fn of_cloud(clouds: [&str; 2], work: usize) -> Option<String> {
        // The base point and its double, as keys that need no signer.
        let file = b"witness a 5866666666666666666666666666666666666666666666666666666666666666\n\
                     witness b c9a3f86aae465f0e56513864510f3997561fa2c9e85ea21dc2292309f3cd6022\n\
                     group g all a b\nquorum g\n";
        let mut labels = Labels::new();
        for (name, cloud) in ["a", "b"].into_iter().zip(clouds) {
            let label = quorate_policy::Label::new(cloud).unwrap();
            labels
                .add(name.parse().unwrap(), DomainKind::Cloud, label)
                .unwrap();
        }
        let policy = Policy::parse(file).unwrap();
        let analysis = policy.failure_domains_within(&labels, work).unwrap();
        let mut kinds = analysis.kinds().iter();
        one_is_enough(
            kinds
                .find(|report| report.kind() == DomainKind::Cloud)
                .unwrap(),
        )
    }

    // Fails closed: that one domain is not enough has to be known.
    #[test]
    fn a_search_that_ended_early_rules_out_only_what_it_searched() {
        assert_eq!(of_cloud(["aws", "gcp"], usize::MAX), None);
        assert_eq!(of_cloud(["aws", "gcp"], 0), None);
        let known = of_cloud(["aws", "aws"], usize::MAX).unwrap();
        assert!(known.contains("is enough to forge a quorum: aws"));
        let unknown = of_cloud(["aws", "aws"], 0).unwrap();
        assert!(unknown.contains("it is not known that one cloud is not enough"));
    }
}
