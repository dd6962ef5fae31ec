use quorate_federation::Permit;
use quorate_federation::permit::NotifyAnchor;

fn serve(_: Permit<NotifyAnchor>) {}

fn twice(permit: Permit<NotifyAnchor>) {
    serve(permit);
    serve(permit);
}

fn cloned(permit: &Permit<NotifyAnchor>) -> Permit<NotifyAnchor> {
    permit.clone()
}

fn main() {}
