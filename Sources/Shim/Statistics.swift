// What a container's cgroup has counted, as the message that clients expect.

internal import ShimAPI
internal import SwiftProtobuf

enum Statistics {
    static func read(_ cgroup: TaskCgroup) -> Google_Protobuf_Any {
        cgroup.isUnified ? Google_Protobuf_Any(bare: V2Metrics()) : Google_Protobuf_Any(bare: V1Metrics())
    }
}
