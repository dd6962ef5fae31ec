//! Policies, both grammars: what is read prints as C2SP text that reads back as the same policy,
//! and reading to the end agrees with reading to the first mistake.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_policy::Policy;

fuzz_target!(|data: &[u8]| {
    let reading = Policy::read(data);
    assert_eq!(
        Policy::parse(data).as_ref().err(),
        reading.problems().first()
    );
    assert_eq!(reading.policy().is_some(), reading.problems().is_empty());
    if let Ok(policy) = Policy::parse(data) {
        let printed = policy.to_string();
        let again = Policy::parse(printed.as_bytes()).expect("what is printed can be read");
        assert_eq!(again.to_string(), printed);
        assert_eq!(again.logs().len(), policy.logs().len());
        assert_eq!(again.witnesses().count(), policy.witnesses().count());
    }
});
