//! What: Reads the answers of services that write XML, into JSON of a shape that the caller names.
//!
//! What the shape doesn't name is passed over. So a service may add to its answers.

use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use serde_json::{Map, Value};

/// What an element holds.
#[derive(Debug)]
pub enum Shape {
    /// A text.
    Text,
    /// Elements of different names.
    Fields(&'static [(&'static str, Shape)]),
    /// Any number of elements of one shape.
    Members(&'static Shape),
}

/// An error, as all of them write it.
pub(super) const ERROR: Shape =
    Shape::Fields(&[("Error", Shape::Fields(&[("Code", Shape::Text), ("Message", Shape::Text)]))]);

/// Reads an answer.
///
/// # Errors
/// If it is no XML, or has elements where a text must be.
pub(super) fn read(xml: &[u8], shape: &Shape) -> Result<Value, String> {
    let text = std::str::from_utf8(xml).map_err(|error| error.to_string())?;
    let mut document = Document::new(text);
    let mut root = document.root_element().map_err(|error| error.to_string())?;
    element(&mut root, shape).map_err(|error| error.to_string())
}

fn element(from: &mut ScopedDecoder<'_, '_>, shape: &Shape) -> Result<Value, XmlDecodeError> {
    match shape {
        Shape::Text => Ok(Value::from(try_data(from)?.as_ref())),
        Shape::Members(each) => {
            let mut members = Vec::new();
            while let Some(mut member) = from.next_tag() {
                members.push(element(&mut member, each)?);
            }
            Ok(Value::Array(members))
        }
        Shape::Fields(known) => {
            let mut fields = Map::new();
            while let Some(mut field) = from.next_tag() {
                let name = field.start_el().local().to_owned();
                if let Some((_, shape)) = known.iter().find(|(known, _)| *known == name) {
                    let value = element(&mut field, shape)?;
                    fields.insert(name, value);
                }
            }
            Ok(Value::Object(fields))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAMES: Shape = Shape::Fields(&[
        ("Names", Shape::Members(&Shape::Text)),
        ("Stacks", Shape::Members(&Shape::Fields(&[("Id", Shape::Text)]))),
        ("Next", Shape::Text),
    ]);

    #[test]
    fn what_the_shape_names_is_read_and_the_rest_passed_over() {
        let xml = b"<?xml version=\"1.0\"?>\n<R xmlns=\"x\"><New><Next>no</Next></New><Names><member>a&lt;</member>\
            <member>b</member></Names><Stacks><member><Other/><Id>1</Id></member></Stacks><Next></Next></R>";
        let expected = json!({ "Names": ["a<", "b"], "Stacks": [{ "Id": "1" }], "Next": "" });
        assert_eq!(read(xml, &NAMES), Ok(expected));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for bad in ["", "plain", "{}"] {
            assert!(read(bad.as_bytes(), &NAMES).is_err(), "{bad}");
        }
        assert!(read(b"<R><Next><a>1</a></Next></R>", &NAMES).is_err());
    }
}
