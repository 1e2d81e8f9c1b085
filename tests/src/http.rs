//! A small HTTP/1.1 client, independent of the product's own HTTP code.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// Longest wait for any single read or write: that of a browser that starts for the first time.
const DEADLINE: Duration = Duration::from_mins(2);

/// One response, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header fields, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The content, chunked coding removed.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first field called `name` (lower case).
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The content as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }
}

/// Why no response came.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Fetches `url` (`http://host:port/path`).
///
/// # Errors
/// When the connection fails or the response is not whole.
pub fn get(url: &str) -> Result<Response, Failure> {
    request("GET", url, &[], b"")
}

/// Sends one request on a connection of its own.
///
/// # Errors
/// When the connection fails or the response is not whole.
pub fn request(
    method: &str,
    url: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Result<Response, Failure> {
    let (host, path) = split(url)?;
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    // All in one piece: there are servers that take the first one for all of it.
    let mut said = Vec::new();
    write!(
        said,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
    )?;
    if !body.is_empty() {
        let length = body.len();
        write!(said, "Content-Length: {length}\r\n")?;
        let mut names = fields.iter().map(|(name, _)| name);
        if !names.any(|name| name.eq_ignore_ascii_case("content-type")) {
            write!(said, "Content-Type: application/json\r\n")?;
        }
    }
    for (name, value) in fields {
        write!(said, "{name}: {value}\r\n")?;
    }
    said.extend_from_slice(b"\r\n");
    said.extend_from_slice(body);
    stream.write_all(&said)?;
    let mut bytes = Vec::new();
    let mut room = [0; 8 * 1024];
    // Not every server closes when asked to: a body of announced length ends by itself.
    while !is_whole(&bytes) {
        match stream.read(&mut room)? {
            0 => break,
            read => bytes.extend_from_slice(&room[..read]),
        }
    }
    parse(&bytes, method == "HEAD")
}

fn is_whole(bytes: &[u8]) -> bool {
    let bytes = behind_interim(bytes);
    let Some(end) = end_of_head(bytes) else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let mut lines = head
        .lines()
        .filter_map(|line| line.strip_prefix("content-length:"));
    let announced = lines
        .next()
        .and_then(|length| length.trim().parse::<usize>().ok());
    announced.is_some_and(|length| bytes.len() - end - 4 >= length)
}

/// What follows the interim responses (1xx) that a response may be preceded by.
fn behind_interim(mut bytes: &[u8]) -> &[u8] {
    while bytes.starts_with(b"HTTP/1.1 1") {
        let Some(end) = end_of_head(bytes) else {
            break;
        };
        bytes = &bytes[end + 4..];
    }
    bytes
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n")
}

fn split(url: &str) -> Result<(&str, &str), Failure> {
    let rest = url
        .strip_prefix("http://")
        .ok_or("only http:// is spoken here")?;
    Ok(rest
        .find('/')
        .map_or((rest, "/"), |slash| rest.split_at(slash)))
}

/// Parses one whole response, behind the interim ones before it.
///
/// # Errors
/// When it is cut off or malformed.
pub fn parse(bytes: &[u8], is_head: bool) -> Result<Response, Failure> {
    let bytes = behind_interim(bytes);
    let end = end_of_head(bytes).ok_or("no end of header")?;
    let head = std::str::from_utf8(&bytes[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .ok_or("no status")?;
    let fields: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut response = Response {
        status: status.parse()?,
        fields,
        body: Vec::new(),
    };
    let rest = &bytes[end + 4..];
    let has_body = !is_head && response.status != 304 && response.status != 204;
    if has_body && response.field("transfer-encoding") == Some("chunked") {
        response.body = dechunk(rest)?;
    } else if has_body {
        response.body = rest.to_vec();
        let announced = response
            .field("content-length")
            .map(str::parse::<usize>)
            .transpose()?;
        if announced.is_some_and(|length| length != rest.len()) {
            return Err(format!("{} bytes of {announced:?}", rest.len()).into());
        }
    }
    Ok(response)
}

fn dechunk(mut bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        let line = bytes
            .windows(2)
            .position(|two| two == b"\r\n")
            .ok_or("cut in a chunk size")?;
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..line])?.trim(), 16)?;
        let chunk = bytes
            .get(line + 2..line + 2 + length)
            .ok_or("cut in a chunk")?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(chunk);
        bytes = bytes.get(line + 4 + length..).ok_or("cut behind a chunk")?;
    }
}
