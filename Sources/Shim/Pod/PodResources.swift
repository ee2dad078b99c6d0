// The resources of a pod that its containers share, as a value.

/// The pod's resources that a container joins: pure data.
package struct PodResources: Equatable, Sendable {
    /// The paths of the namespaces, by the names of config.json.
    package var paths: [String: String] = [:]
    /// Kinds in which containers stay on the host.
    package var host: Set<String> = []
    /// The source of each mount, by its destination in the containers.
    package var mounts: [Mount] = []

    package struct Mount: Equatable, Sendable {
        package var source: String
        package var destination: String
        package init(source: String, destination: String) {
            self.source = source
            self.destination = destination
        }
    }

    package init() {}
}
