//! `quorate-verifier-bindgen MODULE FOLDER`: takes what the compiler made of `quorate-verifier-wasm`, and writes the module
//! and the JavaScript that loads it into a folder.
#![forbid(unsafe_code)]

use std::error::Error;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(module), Some(folder), None) = (args.next(), args.next(), args.next()) else {
        return Err("usage: quorate-verifier-bindgen MODULE FOLDER".into());
    };
    Bindgen::new()
        .input_path(module)
        .web(true)?
        // Without the default path, `init()` with no argument would have nothing to load.
        .omit_default_module_path(false)
        .typescript(false)
        // Names and producers say how it was built, and nothing about what it does.
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(folder)?;
    Ok(())
}
