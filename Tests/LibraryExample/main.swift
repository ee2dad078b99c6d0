// Uses each library product as another package does: what is not public is not there.

import NIOCore
import NIOPosix
import OCISpec
import ShimAPI
import SwiftProtobuf
import TTRPC

// A configuration: made, changed, written and read again.
var spec = Spec.defaultConfig(cgroupNamespace: true)
spec.process?.args = ["/bin/echo", "hello"]
spec.annotations["org.example.kind"] = "example"
spec.linux?.resources = LinuxResources(memory: LinuxMemory(limit: 64 << 20))
spec.mounts.append(Mount(destination: "/data", type: "tmpfs", source: "tmpfs", options: ["nosuid"]))
print(try Spec(config: spec.encoded(indent: "  ")) == spec ? "the same" : "another", "configuration was read")
do {
    let text = #"{"ociVersion": "1.3.0", "mounts": [{"destination": 5}]}"#
    _ = try Spec(config: Array(text.utf8)) { print("warning: \($0)") }
} catch {
    print(error.keyPath, "has a problem:", error.problem)
}
let state = ContainerState(ociVersion: Spec.supportedVersion, id: "example", status: "running", bundle: "/bundle")
print(try ContainerState(state: state.encoded()).status)
print(try Process(process: Process(args: ["true"], cwd: "/").encoded()).args)
print(try Features(features: Array("{}".utf8)).hooks, try LinuxResources(bytes: Array("{}".utf8)) == LinuxResources())

// A call of a shim's task service.
func pid(of id: String, at socket: String, on loop: any EventLoop) -> EventLoopFuture<UInt32> {
    let promise = loop.makePromise(of: UInt32.self)
    let client = Client.connect(to: socket, on: loop)
    client.whenFailure { promise.fail($0) }
    client.whenSuccess { client in
        do {
            let message = TaskContainerRequest.with { $0.id = id }
            let request = Request(
                service: "containerd.task.v3.Task", method: "Connect", payload: try message.serializedBytes())
            client.value.call(request, timeout: .seconds(5)) { answer in
                promise.completeWith(
                    Result { try TaskConnectResponse(serializedBytes: answer.get()).taskPid })
            }
        } catch {
            promise.fail(error)
        }
    }
    return promise.futureResult
}

// A service.
func serve(on loop: any EventLoop) -> Server {
    let server = Server(on: loop)
    server.register(
        "org.example.Echo",
        [
            "Say": { call in
                call.answer(
                    call.payload.isEmpty ? .failure(Status(.invalidArgument, "nothing to say")) : .success(call.payload)
                )
            }
        ])
    return server
}

let loop = MultiThreadedEventLoopGroup.singleton.next()
do {
    print(try pid(of: "example", at: "/nonexistent", on: loop).wait())
} catch {
    print("no shim:", error)
}
print(try loop.submit { serve(on: loop).isConnected }.wait())
