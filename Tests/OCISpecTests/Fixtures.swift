// The files of spec-fixtures, found relative to this file.

import Foundation
import Testing

/// One document of `spec-fixtures`, named by its file.
struct Fixture: CustomTestStringConvertible, Sendable {
    let name: String
    private let folder: URL

    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "spec-fixtures")

    init(_ name: String, in folder: String) {
        self.name = name
        self.folder = Self.root.appending(path: folder)
    }

    /// Every `.json` file of a folder; empty if the folder cannot be read.
    static func all(in folder: String) -> [Fixture] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)) ?? []
        return files.filter { $0.hasSuffix(".json") }.sorted().map { Fixture(String($0.dropLast(5)), in: folder) }
    }

    var testDescription: String { name }

    /// The text of the document.
    var json: [UInt8] {
        get throws { try Array(Data(contentsOf: folder.appending(path: name + ".json"))) }
    }

    /// The expected error: the only line of the `.error` file with the same name.
    var expectedError: String {
        get throws {
            let text = try String(contentsOf: folder.appending(path: name + ".error"), encoding: .utf8)
            return String(text.dropLast())
        }
    }
}

/// Copies of a document; in each, one value, at the returned place, has a wrong type.
func documentsWithOneWrongType(_ json: [UInt8]) throws -> [(place: String, json: [UInt8])] {
    let document = try JSONSerialization.jsonObject(with: Data(json))
    return try variants(of: document, at: "").map { variant in
        (variant.place, try Array(JSONSerialization.data(withJSONObject: variant.value)))
    }
}

private func variants(of value: Any, at place: String) -> [(place: String, value: Any)] {
    var found: [(place: String, value: Any)] = []
    switch value {
    case let object as [String: Any]:
        for (key, member) in object {
            let step = key.contains(".") ? "[\"\(key)\"]" : (place.isEmpty ? "" : ".") + key
            for variant in variants(of: member, at: place + step) {
                found.append((variant.place, object.merging([key: variant.value]) { $1 }))
            }
        }
        found.append((place, [Any]()))
    case let array as [Any]:
        for (index, element) in array.enumerated() {
            for variant in variants(of: element, at: "\(place)[\(index)]") {
                var copy = array
                copy[index] = variant.value
                found.append((variant.place, copy))
            }
        }
        found.append((place, [String: Any]()))
    default:
        found.append((place, [String: Any]()))
    }
    return found
}
