// The entry point of containerd-shim-swiftrun-v2.

internal import Glibc
internal import Shim

@main
struct Main {
    static func main() {
        let status = runShim(Array(CommandLine.arguments.dropFirst()))
        if status != 0 { exit(status) }
    }
}
