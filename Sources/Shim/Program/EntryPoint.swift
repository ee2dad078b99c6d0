// The program: one of its actions, and what it prints.

internal import Glibc
internal import Kernel

/// Runs the action that the arguments ask for.
/// - Parameter arguments: without the program's name.
/// - Returns: the exit status.
package func runShim(_ arguments: [String]) -> Int32 {
    openClosedStreams()
    do throws(ShimFailure) {
        let invocation = try ShimInvocation(arguments)
        switch invocation.action {
        case .start: try printResult(try StartCommand(invocation: invocation).run())
        case .delete: try printResult(try DeleteCommand(invocation: invocation).run())
        case .info: try printResult(try InfoCommand().run())
        case .serve: try ServeCommand(invocation: invocation).run()
        case .version: try printResult(Array("containerd-shim-swiftrun-v2 version \(InfoCommand.version)\n".utf8))
        case .help: try printResult(Array(usage.utf8))
        }
        return 0
    } catch {
        try? writeAll("\(error)\n".utf8, to: STDERR_FILENO)
        return 1
    }
}

private func printResult(_ bytes: [UInt8]) throws(ShimFailure) {
    do { try writeAll(bytes, to: STDOUT_FILENO) } catch { throw ShimFailure("write standard output", error) }
}

private let usage = """
    containerd's runtime shim for swiftrun and other OCI runtimes. containerd starts it:

      containerd-shim-swiftrun-v2 -namespace NS -id ID -address SOCKET start|delete
      containerd-shim-swiftrun-v2 -info
      containerd-shim-swiftrun-v2 -v

    Use it as runtime io.containerd.swiftrun.v2.

    """
