//! Multipart form bodies, handed to and from JavaScript as flat arrays: name, filename, type, value of each part.

use hognose_engine::{Context, Result, Thrown, Value};

use super::{Arguments, Natives};
use crate::multipart::{self, Content, Part};

pub(super) fn add(natives: &Natives) -> Result<()> {
    natives.add("parseMultipart", |context, arguments| {
        let (body, boundary) = (arguments.bytes(0), arguments.string(1)?);
        match multipart::parse(&body, &boundary) {
            Ok(parts) => flatten(context, parts),
            Err(error) => Err(Thrown::type_error(context, &error.to_string())),
        }
    })?;
    natives.add("serializeMultipart", serialize)
}

fn flatten(context: Context, parts: Vec<Part>) -> Result<Value> {
    let mut flat = Vec::with_capacity(parts.len() * 4);
    for Part { name, content } in parts {
        flat.push(context.string(&name)?);
        match content {
            Content::Text(text) => {
                flat.extend([context.undefined(), context.undefined(), context.string(&text)?]);
            }
            Content::File { filename, content_type, bytes } => flat.extend([
                context.string(&filename)?,
                context.string(&content_type)?,
                context.uint8_array(bytes)?,
            ]),
        }
    }
    context.array(&flat)
}

fn serialize(context: Context, arguments: &Arguments) -> Result<Value> {
    let mut parts = Vec::new();
    for fields in arguments.value(0).elements()?.chunks_exact(4) {
        let name = fields[0].to_js_string()?;
        let content = match fields[3].bytes() {
            Some(bytes) => Content::File {
                filename: fields[1].to_js_string()?,
                content_type: fields[2].to_js_string()?,
                bytes,
            },
            None => Content::Text(fields[3].to_js_string()?),
        };
        parts.push(Part { name, content });
    }
    context.uint8_array(multipart::serialize(&parts, &arguments.string(1)?))
}
