//! The description of the management listener: `/api/v1/openapi.json`. Its paths and orders are
//! those of `endpoint`, and the fields of what is made of the table are those of the table.
//!
//! Source: `OpenAPI` 3.1.0; JSON Schema 2020-12.
//! Refuses: to name the fields of what is not made of the table. `/api/health` and
//! `/api/v1/alarms` have contracts of their own.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    counter::{Kind, Row, Unit},
    health::{
        api::{CHANNELS, ROOT, STATUS},
        endpoint::{ENDPOINTS, Endpoint, Operation, Place},
        json::{self, VERSION},
        order_form::{Field, Form, Order},
        table::{GroupScope, Listed, Node, Scope},
    },
};

/// What 421 means, which everything but a probe may be answered.
const OTHER_NAME: &str = "It is asked for by a name that is not this box's.";

/// Renders the description.
pub(super) fn render() -> Bytes {
    let paths = ENDPOINTS.iter().map(|endpoint| {
        let item = item(endpoint);
        (endpoint.path.to_owned(), Value::Object(item))
    });
    let paths: Map<String, Value> = paths.collect();
    json::render(&json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Weir",
            "version": VERSION,
            "description": "What the appliance knows of itself, at most a second old, and the \
                orders that it takes.",
        },
        "paths": paths,
    }))
}

/// All that can be done at one path.
fn item(endpoint: &Endpoint) -> Map<String, Value> {
    let operations = endpoint.operations.iter();
    let mut item: Map<String, Value> = operations
        .map(|operation| {
            let mut described = described(operation, schema_at(endpoint));
            if !endpoint.place.is_probe() {
                described["responses"]["421"] = json!({ "description": OTHER_NAME });
            }
            (operation.method.to_owned(), described)
        })
        .collect();
    let parameters: Vec<Value> = parameters(endpoint.path).collect();
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), Value::Array(parameters));
    }
    item
}

/// The parts of a path that stand for others.
fn parameters(path: &str) -> impl Iterator<Item = Value> {
    let names = path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?;
        name.strip_suffix('}')
    });
    let schema = if path.contains("/alarms/") {
        json!({ "type": "integer", "minimum": 1 })
    } else {
        json!({ "type": "string" })
    };
    names.map(move |name| json!({ "name": name, "in": "path", "required": true, "schema": schema }))
}

/// What one method does, whose answer is of `schema`, if that is known.
fn described(operation: &Operation, schema: Option<Value>) -> Value {
    let media = schema.map_or_else(|| json!({}), |schema| json!({ "schema": schema }));
    let success = json!({
        "description": operation.help,
        "content": { operation.media_type: media },
    });
    let mut responses = Map::from_iter([(operation.success.to_owned(), success)]);
    for (status, help) in operation.others {
        responses.insert((*status).to_owned(), json!({ "description": help }));
    }
    let mut described = json!({ "summary": operation.help, "responses": responses });
    if let Some(wanted) = operation.order {
        described["requestBody"] = json!({
            "required": true,
            "content": { wanted.media_type: { "schema": order(wanted) } },
        });
    }
    described
}

/// The body of an order.
fn order(order: &Order) -> Value {
    let fields = order.fields.iter();
    let properties = fields.map(|field| (field.name.to_owned(), form(field)));
    let properties: Map<String, Value> = properties.collect();
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": order.required,
    });
    if !order.some_of.is_empty() {
        let lists = order
            .some_of
            .iter()
            .map(|list| json!({ "required": [list], "properties": { *list: { "minItems": 1 } } }));
        schema["anyOf"] = lists.collect();
    }
    schema
}

fn form(field: &Field) -> Value {
    let mut schema = match field.form {
        Form::Text(pattern) => json!({ "type": ["string", "null"], "pattern": pattern }),
        Form::Required(pattern) => json!({ "type": "string", "pattern": pattern }),
        Form::Texts(pattern) => {
            json!({ "type": "array", "items": { "type": "string", "pattern": pattern } })
        }
        Form::Number(minimum) => json!({
            "type": ["integer", "null"], "minimum": minimum, "maximum": u32::MAX,
        }),
    };
    schema["description"] = json!(field.help);
    schema
}

/// The schema of what is answered at `endpoint`, if that is made of the table.
fn schema_at(endpoint: &Endpoint) -> Option<Value> {
    if endpoint.place != Place::Table {
        return None;
    }
    let root = Node::SCOPE;
    let view = endpoint.path.strip_prefix(ROOT)?;
    if view == STATUS {
        return Some(object(&own_fields(root)));
    }
    if view.starts_with(CHANNELS) && view != CHANNELS {
        let channel = root.parts.iter().find(|part| part.plural == CHANNELS)?;
        return Some(whole(channel));
    }
    let fields = Map::from_iter([
        ("time".to_owned(), text("When it was read (RFC 3339).")),
        (view.to_owned(), view_of(root, view)),
    ]);
    Some(object(&fields))
}

/// The schema of the part or group of `root` that is called `view`.
fn view_of(root: &Scope, view: &str) -> Value {
    if let Some(part) = root.parts.iter().find(|part| part.plural == view) {
        list(part)
    } else {
        let mut groups = root.groups.iter();
        let group = groups.find(|group| group.name == Some(view));
        group_schema(group.expect("every view is a part or a group of the node"))
    }
}

/// A thing with all its parts.
fn whole(scope: &Scope) -> Value {
    let mut fields = own_fields(scope);
    for part in scope.parts {
        fields.insert(part.plural.to_owned(), list(part));
    }
    object(&fields)
}

fn list(scope: &Scope) -> Value {
    json!({ "type": "array", "items": whole(scope), "description": scope.help })
}

/// The fields of a thing but for its parts.
fn own_fields(scope: &Scope) -> Map<String, Value> {
    let key = (scope.name.to_owned(), text(scope.help));
    let mut fields = Map::from_iter([key]);
    for group in scope.groups {
        match group.name {
            Some(name) => drop(fields.insert(name.to_owned(), group_schema(group))),
            None => fields.extend(row_fields(group.rows)),
        }
    }
    fields
}

fn group_schema(group: &GroupScope) -> Value {
    let mut schema = object(&row_fields(group.rows).collect());
    if group.is_optional {
        schema["type"] = json!(["object", "null"]);
    }
    schema
}

fn row_fields(rows: &[Row]) -> impl Iterator<Item = (String, Value)> {
    rows.iter().map(|row| (row.name.to_owned(), cell(row)))
}

fn cell(row: &Row) -> Value {
    let kind = match row.kind {
        Kind::Counter => "integer",
        Kind::Gauge => "number",
        Kind::State | Kind::Text => "string",
    };
    let mut schema = json!({ "type": kind, "description": row.help });
    if row.is_optional {
        schema["type"] = json!([kind, "null"]);
    }
    let unit = match row.unit() {
        Unit::One => return schema,
        Unit::Bytes => "bytes",
        Unit::Milliseconds => "milliseconds",
        Unit::BitsPerSecond => "bits per second",
        Unit::Percent => "percent",
    };
    schema["x-unit"] = json!(unit);
    schema
}

fn text(help: &str) -> Value {
    json!({ "type": "string", "description": help })
}

/// An object with exactly these fields.
fn object(fields: &Map<String, Value>) -> Value {
    let names: Vec<&String> = fields.keys().collect();
    json!({
        "type": "object",
        "required": names,
        "additionalProperties": false,
        "properties": fields,
    })
}
