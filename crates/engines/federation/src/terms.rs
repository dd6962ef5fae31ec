//! What two meshes agree to do for each other.

use std::fmt;
use std::str::FromStr;

use quorate_receipt::ScrollName;
use quorate_receipt::json::{Object, canonical_object};

use crate::fields::{Fields, check_len, number, texts};
use crate::limits::{MAX_REQUIREMENTS, MAX_RETENTION_DAYS, MAX_SHARED_SCROLLS, MAX_TERMS_LEN};
use crate::malformed::Malformed;
use crate::text::{Name, Remark, TextError};

/// How often each party verifies the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Frequency {
    /// `hourly`
    Hourly,
    /// `daily`
    Daily,
    /// `weekly`
    Weekly,
    /// `monthly`: every 30 days.
    Monthly,
}

impl Frequency {
    const ALL: [Self; 4] = [Self::Hourly, Self::Daily, Self::Weekly, Self::Monthly];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// From one cycle to the next, in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Hourly => 3600,
            Self::Daily => 86_400,
            Self::Weekly => 7 * 86_400,
            Self::Monthly => 30 * 86_400,
        }
    }
}

const FREQUENCY: &str = "`hourly`, `daily`, `weekly` or `monthly`";

impl FromStr for Frequency {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::ALL
            .into_iter()
            .find(|frequency| frequency.as_str() == text)
            .ok_or(TextError(FREQUENCY))
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Complete terms. Proposals call the scrolls `scrolls_to_share`, agreements `scrolls_shared`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// 1 to 16 scrolls, none of them named twice, letters of either case being the same.
    pub scrolls: Vec<ScrollName>,
    /// How often each party verifies the other.
    pub verification_frequency: Frequency,
    /// How long copies and samples are kept, in days: 1 to 36,525.
    pub retention_period_days: u64,
    /// Where data lies.
    pub data_jurisdiction: Name,
    /// Whether each party may audit the other.
    pub audit_rights: bool,
    /// How disputes are resolved, if that was agreed.
    pub dispute_resolution: Option<Remark>,
    /// One requirement more, verbatim.
    pub additional_requirement: Option<Remark>,
    /// Requirements more, verbatim.
    pub additional_requirements: Vec<Remark>,
}

/// Terms that a counter-proposal changes; what it does not name stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CounterTerms {
    /// In place of [`Terms::scrolls`].
    pub scrolls: Option<Vec<ScrollName>>,
    /// In place of [`Terms::verification_frequency`].
    pub verification_frequency: Option<Frequency>,
    /// In place of [`Terms::retention_period_days`].
    pub retention_period_days: Option<u64>,
    /// In place of [`Terms::data_jurisdiction`].
    pub data_jurisdiction: Option<Name>,
    /// In place of [`Terms::audit_rights`].
    pub audit_rights: Option<bool>,
    /// In place of [`Terms::dispute_resolution`]; empty text takes it away.
    pub dispute_resolution: Option<Remark>,
    /// In place of [`Terms::additional_requirement`]; empty text takes it away.
    pub additional_requirement: Option<Remark>,
    /// In place of [`Terms::additional_requirements`]; an empty list takes them away.
    pub additional_requirements: Option<Vec<Remark>>,
}

/// What the scrolls are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In proposals and counter-proposals.
    Proposed,
    /// In agreements.
    Agreed,
}

impl Form {
    const fn scrolls(self) -> &'static str {
        match self {
            Self::Proposed => "scrolls_to_share",
            Self::Agreed => "scrolls_shared",
        }
    }
}

const WITHIN: &str = "the terms";
const SCROLLS: &str = "a list of 1 to 16 scroll names";
const RETENTION: &str = "an integer from 1 to 36525";
const REQUIREMENTS: &str =
    "a list of at most 16 texts of at most 512 bytes without control characters";

impl Terms {
    pub(crate) fn to_object(&self, form: Form) -> Object {
        let mut object = Object::new()
            .with(form.scrolls(), texts(&self.scrolls))
            .with(
                "verification_frequency",
                self.verification_frequency.as_str(),
            )
            .with("retention_period_days", number(self.retention_period_days))
            .with("data_jurisdiction", self.data_jurisdiction.as_str())
            .with("audit_rights", self.audit_rights);
        if let Some(remark) = &self.dispute_resolution {
            object.insert("dispute_resolution", remark.as_str());
        }
        if let Some(remark) = &self.additional_requirement {
            object.insert("additional_requirement", remark.as_str());
        }
        if !self.additional_requirements.is_empty() {
            object.insert(
                "additional_requirements",
                texts(&self.additional_requirements),
            );
        }
        object
    }

    pub(crate) fn read(mut fields: Fields, form: Form) -> Result<Self, Malformed> {
        let terms = Self {
            scrolls: scrolls(&mut fields, form.scrolls())?,
            verification_frequency: fields.parsed("verification_frequency", FREQUENCY)?,
            retention_period_days: retention(&mut fields)?,
            data_jurisdiction: fields.parsed("data_jurisdiction", Name::EXPECTED)?,
            audit_rights: fields.boolean("audit_rights")?,
            dispute_resolution: said(&mut fields, "dispute_resolution")?,
            additional_requirement: said(&mut fields, "additional_requirement")?,
            additional_requirements: requirements_if(&mut fields)?.unwrap_or_default(),
        };
        fields.finish()?;
        terms.check()?;
        Ok(terms)
    }

    fn check(&self) -> Result<(), Malformed> {
        let length = canonical_object(&self.to_object(Form::Proposed)).len();
        check_len(WITHIN, MAX_TERMS_LEN, length)
    }

    /// These terms with what a counter-proposal changes.
    ///
    /// # Errors
    /// [`Malformed::TooLong`]: together they are over [`MAX_TERMS_LEN`].
    pub fn merged(&self, counter: &CounterTerms) -> Result<Self, Malformed> {
        let remark = |new: &Option<Remark>, old: &Option<Remark>| match new {
            Some(remark) if remark.as_str().is_empty() => None,
            Some(remark) => Some(remark.clone()),
            None => old.clone(),
        };
        let merged = Self {
            scrolls: counter
                .scrolls
                .clone()
                .unwrap_or_else(|| self.scrolls.clone()),
            verification_frequency: counter
                .verification_frequency
                .unwrap_or(self.verification_frequency),
            retention_period_days: counter
                .retention_period_days
                .unwrap_or(self.retention_period_days),
            data_jurisdiction: counter
                .data_jurisdiction
                .clone()
                .unwrap_or_else(|| self.data_jurisdiction.clone()),
            audit_rights: counter.audit_rights.unwrap_or(self.audit_rights),
            dispute_resolution: remark(&counter.dispute_resolution, &self.dispute_resolution),
            additional_requirement: remark(
                &counter.additional_requirement,
                &self.additional_requirement,
            ),
            additional_requirements: counter
                .additional_requirements
                .clone()
                .unwrap_or_else(|| self.additional_requirements.clone()),
        };
        merged.check()?;
        Ok(merged)
    }
}

impl CounterTerms {
    pub(crate) fn to_object(&self) -> Object {
        let mut object = Object::new();
        if let Some(scrolls) = &self.scrolls {
            object.insert(Form::Proposed.scrolls(), texts(scrolls));
        }
        if let Some(frequency) = self.verification_frequency {
            object.insert("verification_frequency", frequency.as_str());
        }
        if let Some(days) = self.retention_period_days {
            object.insert("retention_period_days", number(days));
        }
        if let Some(name) = &self.data_jurisdiction {
            object.insert("data_jurisdiction", name.as_str());
        }
        if let Some(rights) = self.audit_rights {
            object.insert("audit_rights", rights);
        }
        if let Some(remark) = &self.dispute_resolution {
            object.insert("dispute_resolution", remark.as_str());
        }
        if let Some(remark) = &self.additional_requirement {
            object.insert("additional_requirement", remark.as_str());
        }
        if let Some(remarks) = &self.additional_requirements {
            object.insert("additional_requirements", texts(remarks));
        }
        object
    }

    pub(crate) fn read(mut fields: Fields) -> Result<Self, Malformed> {
        let mut terms = Self {
            dispute_resolution: fields.parsed_if("dispute_resolution", Remark::EXPECTED)?,
            additional_requirement: fields.parsed_if("additional_requirement", Remark::EXPECTED)?,
            additional_requirements: requirements_if(&mut fields)?,
            verification_frequency: fields.parsed_if("verification_frequency", FREQUENCY)?,
            data_jurisdiction: fields.parsed_if("data_jurisdiction", Name::EXPECTED)?,
            ..Self::default()
        };
        if fields.has(Form::Proposed.scrolls()) {
            terms.scrolls = Some(scrolls(&mut fields, Form::Proposed.scrolls())?);
        }
        if fields.has("retention_period_days") {
            terms.retention_period_days = Some(retention(&mut fields)?);
        }
        if fields.has("audit_rights") {
            terms.audit_rights = Some(fields.boolean("audit_rights")?);
        }
        fields.finish()?;
        Ok(terms)
    }
}

fn scrolls(fields: &mut Fields, member: &'static str) -> Result<Vec<ScrollName>, Malformed> {
    let scrolls = fields.parsed_list(member, MAX_SHARED_SCROLLS, SCROLLS)?;
    if scrolls.is_empty() {
        return Err(fields.invalid(member, SCROLLS));
    }
    distinct(&scrolls, fields.within(), member)?;
    Ok(scrolls)
}

/// Names that differ only in case would be one scroll.
pub(crate) fn distinct(
    scrolls: &[ScrollName],
    within: &'static str,
    member: &'static str,
) -> Result<(), Malformed> {
    let repeated = scrolls.iter().enumerate().any(|(at, scroll)| {
        scrolls
            .iter()
            .skip(at + 1)
            .any(|other| scroll.eq_ignoring_case(other))
    });
    if repeated {
        return Err(Malformed::Repeated { within, member });
    }
    Ok(())
}

fn retention(fields: &mut Fields) -> Result<u64, Malformed> {
    fields.integer("retention_period_days", 1..=MAX_RETENTION_DAYS, RETENTION)
}

/// A remark that is there is not empty: that would be a second form of having none.
fn said(fields: &mut Fields, member: &'static str) -> Result<Option<Remark>, Malformed> {
    let remark: Option<Remark> = fields.parsed_if(member, Remark::EXPECTED)?;
    if remark
        .as_ref()
        .is_some_and(|remark| remark.as_str().is_empty())
    {
        return Err(fields.invalid(member, "1 to 512 bytes without control characters"));
    }
    Ok(remark)
}

fn requirements_if(fields: &mut Fields) -> Result<Option<Vec<Remark>>, Malformed> {
    const MEMBER: &str = "additional_requirements";
    if !fields.has(MEMBER) {
        return Ok(None);
    }
    fields
        .parsed_list(MEMBER, MAX_REQUIREMENTS, REQUIREMENTS)
        .map(Some)
}
