//! The description of `/api/v1`, made of the table: `/api/v1/openapi.json`.
//!
//! Source: `OpenAPI` 3.1.0; JSON Schema 2020-12.
//! Refuses: to describe what is not made of the table. Orders (`purge`, `prewarm`) and
//! `/api/health` have contracts of their own.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    counter::{Kind, Row, Unit},
    health::{
        api::{CHANNELS, ROOT, STATUS, VIEWS},
        json::{self, VERSION},
        table::{GroupScope, Listed, Node, Scope},
    },
};

/// The path of the description itself.
pub(super) const PATH: &str = "/api/v1/openapi.json";

/// Renders the description.
pub(super) fn render() -> Bytes {
    let root = Node::SCOPE;
    let mut paths = Map::new();
    let status = get("The node without its parts.", &object(&own_fields(root)));
    paths.insert(format!("{ROOT}{STATUS}"), status);
    for view in VIEWS {
        let (help, schema) = view_of(root, view);
        let fields = Map::from_iter([
            ("time".to_owned(), text("When it was read (RFC 3339).")),
            (view.to_owned(), schema),
        ]);
        paths.insert(format!("{ROOT}{view}"), get(&help, &object(&fields)));
    }
    let channel = root.parts.iter().find(|part| part.plural == CHANNELS);
    let channel = channel.expect("a node has channels");
    let mut one = get(channel.help, &whole(channel));
    one["parameters"] = json!([{
        "name": "id", "in": "path", "required": true, "schema": { "type": "string" },
    }]);
    one["get"]["responses"]["404"] = json!({ "description": "There is no such channel." });
    paths.insert(format!("{ROOT}{CHANNELS}/{{id}}"), one);
    json::render(&json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Weir",
            "version": VERSION,
            "description": "What the appliance knows of itself, at most a second old.",
        },
        "paths": paths,
    }))
}

fn get(help: &str, schema: &Value) -> Value {
    let content = json!({ "application/json": { "schema": schema } });
    let answer = json!({ "description": help, "content": content });
    json!({ "get": { "summary": help, "responses": { "200": answer } } })
}

/// The part or group of `root` that is called `view`.
fn view_of(root: &Scope, view: &str) -> (String, Value) {
    if let Some(part) = root.parts.iter().find(|part| part.plural == view) {
        (format!("All {view}."), list(part))
    } else {
        let mut groups = root.groups.iter();
        let group = groups.find(|group| group.name == Some(view));
        let group = group.expect("every view is a part or a group of the node");
        (format!("The counters of `{view}`."), group_schema(group))
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
