use quorate_federation::permit::Call;

enum Anything {}

impl Call for Anything {}

fn main() {}
