//! Values that are one text each, in JSON as on the command line.

/// Makes a type with `FromStr` and `Display` a JSON string: `#[serde(try_from = "String", into = "String")]`.
macro_rules! by_text {
    ($type:ty, $error:ty) => {
        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

pub(crate) use by_text;
