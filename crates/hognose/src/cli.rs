//! The words of the command line.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::interpreter::Interpreter;

/// Run Cloudflare Python Workers on your own machines
#[derive(Debug, Parser)]
#[command(name = "hognose", version, arg_required_else_help = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {}

pub(crate) fn run(arguments: &[String], _interpreter: Interpreter) -> u8 {
    let words = std::iter::once(OsString::from("hognose")).chain(arguments.iter().map(OsString::from));
    match Arguments::try_parse_from(words) {
        Ok(arguments) => match arguments.command {},
        Err(error) => {
            let _ = error.print();
            error.exit_code() as u8
        }
    }
}
