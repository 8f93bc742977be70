//! logsift: counts what a web server's log holds, by status or by path.
//!
//!     logsift [--by status|path] [--top N] [FILE...]

use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Status,
    Path,
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    by: Column,
    top: usize,
    files: Vec<String>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options { by: Column::Status, top: 10, files: Vec::new() };
        while let Some(arg) = args.next() {
            let mut value = |flag: &str| args.next().ok_or(format!("{flag} needs a value"));
            match arg.as_str() {
                "--by" => {
                    options.by = match value("--by")?.as_str() {
                        "status" => Column::Status,
                        "path" => Column::Path,
                        other => return Err(format!("cannot count by '{other}': status or path")),
                    }
                }
                "--top" => options.top = value("--top")?.parse().map_err(|e| format!("--top: {e}"))?,
                flag if flag.starts_with('-') && flag != "-" => return Err(format!("unknown option {flag}")),
                _ => options.files.push(arg),
            }
        }
        if options.files.is_empty() {
            options.files.push("-".to_string());
        }
        Ok(options)
    }
}

/// One request: `127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326`
struct Request<'l> {
    path: &'l str,
    status: &'l str,
    bytes: u64,
}

fn parse_line(line: &str) -> Option<Request<'_>> {
    let mut quoted = line.splitn(3, '"').skip(1);
    let path = quoted.next()?.split(' ').nth(1)?;
    let mut numbers = quoted.next()?.split_whitespace();
    let status = numbers.next()?;
    let bytes = numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Some(Request { path: path.split('?').next().unwrap_or(path), status, bytes })
}

#[derive(Default)]
struct Tally {
    rows: HashMap<String, (u64, u64)>,
    skipped: u64,
}

impl Tally {
    fn read(&mut self, input: &mut dyn BufRead, by: Column) -> io::Result<()> {
        let mut line = String::new();
        while input.read_line(&mut line)? != 0 {
            match parse_line(line.trim_end()) {
                None => self.skipped += 1,
                Some(request) => {
                    let key = if by == Column::Path { request.path } else { request.status };
                    // entry() would allocate the key for every line
                    if !self.rows.contains_key(key) {
                        self.rows.insert(key.to_owned(), (0, 0));
                    }
                    let row = self.rows.get_mut(key).expect("just inserted");
                    row.0 += 1;
                    row.1 += request.bytes;
                }
            }
            line.clear();
        }
        Ok(())
    }

    fn print(&self, out: &mut impl Write, top: usize) -> io::Result<()> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_unstable_by(|(a, x), (b, y)| y.0.cmp(&x.0).then_with(|| a.cmp(b)));
        for (key, (count, bytes)) in rows.into_iter().take(top) {
            writeln!(out, "{count:>8} {:>10.1}k  {key}", *bytes as f64 / 1024.0)?;
        }
        out.flush()
    }
}

fn run(options: &Options) -> io::Result<Tally> {
    let mut tally = Tally::default();
    for name in &options.files {
        if name == "-" {
            tally.read(&mut io::stdin().lock(), options.by)?;
            continue;
        }
        let file = File::open(name).map_err(|e| io::Error::new(e.kind(), format!("{name}: {e}")))?;
        tally.read(&mut BufReader::new(file), options.by)?;
    }
    tally.print(&mut BufWriter::new(io::stdout().lock()), options.top)?;
    Ok(tally)
}

pub fn main() -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("logsift: {message}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(tally) if tally.skipped > 0 => {
            eprintln!("logsift: {} line(s) not understood", tally.skipped);
            ExitCode::SUCCESS
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("logsift: {e}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sorts() {
        let log = "h - - [x] \"GET /b?q=1 HTTP/1.1\" 200 2048\nnoise\nh - - [x] \"GET /b HTTP/1.1\" 404 -\n";
        let mut tally = Tally::default();
        tally.read(&mut log.as_bytes(), Column::Path).unwrap();
        let mut shown = Vec::new();
        tally.print(&mut shown, 5).unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), "       2        2.0k  /b\n");
        assert_eq!(tally.skipped, 1);
    }

    #[test]
    fn bad_flags() {
        let parse = |line: &str| Options::parse(line.split(' ').map(String::from));
        assert_eq!(parse("--top").unwrap_err(), "--top needs a value");
        assert!(parse("--by colour").unwrap_err().contains("colour"));
    }
}
