//! Records from receipts: the one form of each, and nothing else.

use quorate_receipt::json::{Object, Value};
use quorate_receipt::{Blake3Hash, Receipt, Sealed, Timestamp};

use crate::label::SourceClass;
use crate::malformed::Malformed;
use crate::members::{
    attributes, integer, invalid, name, name_if_there, object, only, parsed, parsed_if_there,
    required, url,
};
use crate::record::{
    ActorAdded, ActorRemoved, Closing, Content, Direction, Link, MAX_PARENTS, Opening, Payload,
    Record, Step, StepKind,
};
use crate::signed::Signed;
use crate::subject::{Subject, SubjectError};

const HASH: &str = "`blake3:` and 64 lower-case hex digits";
const SHA256: &str = "`sha256:` and 64 lower-case hex digits";
const KEY: &str = "a public key, `ed25519:z…`";
const TIME: &str = "a time like 2026-01-31T23:59:59Z";
const RECEIPT: &str = "the receipt";

impl Record {
    /// Reads a receipt. No signature is checked; [`Signed`] says so.
    ///
    /// # Errors
    /// [`Malformed`] if it is anything else than what we would write.
    pub fn parse(receipt: &Receipt) -> Result<Self, Malformed> {
        let members = receipt.object();
        match receipt.type_() {
            Self::ACTOR_ADDED => actor_added(members).map(Self::ActorAdded),
            Self::ACTOR_REMOVED => actor_removed(members).map(Self::ActorRemoved),
            Self::SESSION_OPENED => Signed::new(receipt, opening(members)?).map(Self::Opened),
            Self::SESSION_STEP => Signed::new(receipt, step(members)?).map(Self::Step),
            Self::SESSION_CLOSED => Signed::new(receipt, closing(members)?).map(Self::Closed),
            other => Err(Malformed::UnknownType(other.into())),
        }
    }
}

fn subject(members: &Object, member: &'static str) -> Result<Subject, Malformed> {
    let text = required(members, member)?
        .as_str()
        .ok_or(Malformed::Subject {
            member,
            error: SubjectError::Form,
        })?;
    text.parse()
        .map_err(|error| Malformed::Subject { member, error })
}

fn actor_added(members: &Object) -> Result<ActorAdded, Malformed> {
    only(
        members,
        RECEIPT,
        &[
            "type",
            "timestamp",
            "root_hash",
            "actor",
            "key",
            "not_before",
            "not_after",
        ],
    )?;
    let not_before: Option<Timestamp> = parsed_if_there(members, "not_before", TIME)?;
    let not_after: Option<Timestamp> = parsed_if_there(members, "not_after", TIME)?;
    if let (Some(before), Some(after)) = (not_before, not_after)
        && after.micros() < before.micros()
    {
        return Err(Malformed::Window);
    }
    Ok(ActorAdded {
        actor: subject(members, "actor")?,
        key: parsed(members, "key", KEY)?,
        not_before,
        not_after,
    })
}

fn actor_removed(members: &Object) -> Result<ActorRemoved, Malformed> {
    only(
        members,
        RECEIPT,
        &["type", "timestamp", "root_hash", "actor", "key"],
    )?;
    Ok(ActorRemoved {
        actor: subject(members, "actor")?,
        key: parsed(members, "key", KEY)?,
    })
}

fn opening(members: &Object) -> Result<Opening, Malformed> {
    only(
        members,
        RECEIPT,
        &[
            "type",
            "timestamp",
            "root_hash",
            "signatures",
            "subject",
            "key",
            "nonce",
            "attributes",
        ],
    )?;
    // 32 bytes in hex are the digits of a hash.
    let nonce = required(members, "nonce")?
        .as_str()
        .and_then(|digits| format!("{}{digits}", Blake3Hash::PREFIX).parse().ok())
        .map(|hash: Blake3Hash| *hash.as_bytes())
        .ok_or_else(|| invalid("nonce", "64 lower-case hex digits"))?;
    Ok(Opening {
        subject: subject(members, "subject")?,
        key: parsed(members, "key", KEY)?,
        nonce,
        attributes: attributes(members)?,
    })
}

fn link(members: &Object) -> Result<Link, Malformed> {
    Ok(Link {
        session: parsed(members, "session", HASH)?,
        sequence: integer(members, "sequence", 1)?,
        previous: parsed(members, "previous", HASH)?,
    })
}

fn step(members: &Object) -> Result<Step, Malformed> {
    only(
        members,
        RECEIPT,
        &[
            "type",
            "timestamp",
            "root_hash",
            "signatures",
            "session",
            "sequence",
            "previous",
            "parents",
            "step",
            "source",
            "content",
            Sealed::MEMBER,
            "attributes",
        ],
    )?;
    let link = link(members)?;
    let parents = parents(members)?;
    let kind = kind(object(members, "step")?)?;
    let source = members
        .get("source")
        .map(|value| {
            value
                .as_str()
                .and_then(SourceClass::from_name)
                .ok_or_else(|| invalid("source", "a source class"))
        })
        .transpose()?;
    match kind {
        StepKind::Merge if parents.len() < 2 => {
            return Err(Malformed::MergeParents(parents.len()));
        }
        StepKind::Retrieval { ref url } => {
            let class = source.ok_or(Malformed::RetrievalWithoutSource)?;
            if !class.fits_retrieval(url) {
                let url = url.clone();
                return Err(Malformed::RetrievalSource { url, class });
            }
        }
        _ => {}
    }
    Ok(Step {
        link,
        parents,
        kind,
        source,
        content: content(members)?,
        attributes: attributes(members)?,
    })
}

fn parents(members: &Object) -> Result<Vec<Blake3Hash>, Malformed> {
    let wrong = || invalid("parents", "an array of `blake3:…` hashes");
    let items = required(members, "parents")?.as_array().ok_or_else(wrong)?;
    if items.len() > MAX_PARENTS {
        return Err(Malformed::TooManyParents(items.len()));
    }
    let hash = |item: &Value| item.as_str().and_then(|text| text.parse().ok());
    let parents: Vec<Blake3Hash> = items
        .iter()
        .map(hash)
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    let mut sorted = parents.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Malformed::ParentTwice);
    }
    Ok(parents)
}

fn kind(step: &Object) -> Result<StepKind, Malformed> {
    const STEP: &str = "`step`";
    let kind = required(step, "kind")?
        .as_str()
        .ok_or_else(|| invalid("kind", "a string"))?;
    let members: &[&str] = match kind {
        "tool_call" => &["kind", "tool"],
        "model_call" => &["kind", "provider", "model", "direction"],
        "retrieval" => &["kind", "url"],
        "artifact" => &["kind", "name", "media_type"],
        "merge" | "note" => &["kind"],
        other => return Err(Malformed::UnknownKind(other.into())),
    };
    only(step, STEP, members)?;
    Ok(match kind {
        "tool_call" => StepKind::ToolCall {
            tool: name(step, "tool")?,
        },
        "model_call" => StepKind::ModelCall {
            provider: name(step, "provider")?,
            model: name_if_there(step, "model")?,
            direction: direction(step)?,
        },
        "retrieval" => StepKind::Retrieval {
            url: url(step, "url")?,
        },
        "artifact" => StepKind::Artifact {
            name: name(step, "name")?,
            media_type: name_if_there(step, "media_type")?,
        },
        "merge" => StepKind::Merge,
        _ => StepKind::Note,
    })
}

fn direction(step: &Object) -> Result<Direction, Malformed> {
    let text = required(step, "direction")?.as_str();
    [Direction::Prompt, Direction::Response]
        .into_iter()
        .find(|direction| Some(direction.as_str()) == text)
        .ok_or_else(|| invalid("direction", "`prompt` or `response`"))
}

fn content(members: &Object) -> Result<Option<Content>, Malformed> {
    let sealed = members.get(Sealed::MEMBER);
    if members.get("content").is_none() {
        return sealed
            .map(|value| {
                Sealed::from_value(value)
                    .map(Content::Sealed)
                    .map_err(|_| invalid(Sealed::MEMBER, "a commitment and a length"))
            })
            .transpose();
    }
    if sealed.is_some() {
        return Err(Malformed::ContentAndSealed);
    }
    const CONTENT: &str = "`content`";
    let content = object(members, "content")?;
    if let Some(value) = content.get("inline") {
        only(content, CONTENT, &["inline"])?;
        return Ok(Some(Content::Inline(value.clone())));
    }
    only(content, CONTENT, &["hash", "length", "media_type"])?;
    Ok(Some(Content::Hashed {
        hash: parsed(content, "hash", SHA256)?,
        length: integer(content, "length", 0)?,
        media_type: name_if_there(content, "media_type")?,
    }))
}

fn closing(members: &Object) -> Result<Closing, Malformed> {
    only(
        members,
        RECEIPT,
        &[
            "type",
            "timestamp",
            "root_hash",
            "signatures",
            "session",
            "sequence",
            "previous",
            "steps",
            "payload",
            "attributes",
        ],
    )?;
    let payload = match members.get("payload") {
        Some(_) => {
            let payload = object(members, "payload")?;
            only(payload, "`payload`", &["hash", "media_type"])?;
            Some(Payload {
                hash: parsed(payload, "hash", SHA256)?,
                media_type: name_if_there(payload, "media_type")?,
            })
        }
        None => None,
    };
    Ok(Closing {
        link: link(members)?,
        steps: integer(members, "steps", 0)?,
        payload,
        attributes: attributes(members)?,
    })
}
