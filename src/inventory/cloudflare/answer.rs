//! The envelope around every answer.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::PageInfo;

/// An answer of the API that says that it is a success.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub(super) result: Value,
    page: Option<PageInfo>,
}

/// Why a document is no answer, or not one of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("no JSON object with `success` and `result`: {0}")]
    NotAnAnswer(String),
    #[error("the API refused: {0}")]
    Refused(String),
    #[error("nothing says what this answer is: neither its fields nor its place")]
    Unrecognised,
    #[error("{0}")]
    Wrong(Fault),
}

/// What is wrong with one entry of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {reason}")]
pub struct Fault {
    /// Such as `result[3]`.
    pub at: String,
    /// The id of the zone that a record belongs to, if it is known.
    pub zone_id: Option<String>,
    pub reason: String,
}

/// The entries of an answer. The bad ones are named, the others are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T> {
    pub entries: Vec<T>,
    pub faults: Vec<Fault>,
}

#[derive(Deserialize)]
struct Envelope {
    success: bool,
    #[serde(default)]
    errors: Option<Vec<ApiError>>,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    result_info: Option<PageInfo>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    message: Option<String>,
}

impl Answer {
    /// Reads an answer. NUL, which Postgres cannot hold, becomes `\000` in every text.
    pub fn parse(text: &[u8]) -> Result<Answer, AnswerError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let envelope: Envelope = serde_json::from_slice(text)
            .map_err(|error| AnswerError::NotAnAnswer(error.to_string()))?;
        if !envelope.success {
            let errors = envelope.errors.unwrap_or_default();
            let words = errors.iter().map(|error| {
                let message = error.message.as_deref().unwrap_or("no message");
                error.code.map_or(message.to_owned(), |code| format!("{message} (code {code})"))
            });
            let words: Vec<String> = words.collect();
            return Err(AnswerError::Refused(if words.is_empty() {
                "no reason given".to_owned()
            } else {
                words.join(", ")
            }));
        }
        let mut result = envelope.result;
        if result.is_null() {
            return Err(AnswerError::NotAnAnswer("no `result`".to_owned()));
        }
        escape_nul(&mut result);
        Ok(Answer { result, page: envelope.result_info })
    }

    /// Which page of a list this is; None: the answer does not say.
    pub fn page(&self) -> Option<&PageInfo> {
        self.page.as_ref()
    }

    /// The entries; an answer with one entry is a list of one.
    pub(super) fn entries(&self) -> &[Value] {
        self.result.as_array().map_or(std::slice::from_ref(&self.result), Vec::as_slice)
    }

    /// Reads each entry.
    pub(super) fn list<T: DeserializeOwned, E>(
        &self,
        read: impl Fn(T) -> Result<E, String>,
    ) -> List<E> {
        let mut list =
            List { entries: Vec::with_capacity(self.entries().len()), faults: Vec::new() };
        for (at, entry) in self.entries().iter().enumerate() {
            match T::deserialize(entry).map_err(|error| error.to_string()).and_then(&read) {
                Ok(entry) => list.entries.push(entry),
                Err(reason) => {
                    list.faults.push(Fault { at: format!("result[{at}]"), zone_id: None, reason });
                }
            }
        }
        list
    }
}

/// An error about an answer as a whole.
pub(super) fn wrong(at: impl Into<String>, reason: impl Into<String>) -> AnswerError {
    AnswerError::Wrong(Fault { at: at.into(), zone_id: None, reason: reason.into() })
}

/// The parser allows 128 levels.
fn escape_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\\000"),
        Value::Array(values) => values.iter_mut().for_each(escape_nul),
        Value::Object(fields) => {
            if fields.keys().any(|key| key.contains('\0')) {
                let all = std::mem::take(fields);
                fields.extend(
                    all.into_iter().map(|(key, value)| (key.replace('\0', "\\000"), value)),
                );
            }
            fields.values_mut().for_each(escape_nul);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_success_says_why() {
        for (text, reason) in [
            ("", "no JSON object"),
            ("[]", "no JSON object"),
            ("{\"result\":[]}", "missing field `success`"),
            ("{\"success\":true}", "no `result`"),
            ("{\"success\":false,\"errors\":[]}", "no reason given"),
            (
                "{\"success\":false,\"errors\":[{\"code\":9109,\"message\":\"Invalid token\"}],\"result\":null}",
                "the API refused: Invalid token (code 9109)",
            ),
        ] {
            let error = Answer::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn nul_is_escaped_everywhere() {
        let answer =
            Answer::parse(br#"{"success":true,"result":[{"a\u0000":"b\u0000"}]}"#).unwrap();
        assert_eq!(answer.result, serde_json::json!([{"a\\000": "b\\000"}]));
    }
}
