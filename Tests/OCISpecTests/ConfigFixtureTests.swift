// The configurations of spec-fixtures/config, each parsed as a whole.

import OCISpec
import Testing

struct ConfigFixtureTests {
    @Test(arguments: Fixture.all(in: "config/valid"))
    func `a valid configuration survives being written and read again`(fixture: Fixture) throws {
        let spec = try Spec(config: fixture.json)
        #expect(try Spec(config: spec.json()) == spec)
        #expect(try Spec(config: spec.json(indent: "\t")) == spec)
    }

    @Test(arguments: Fixture.all(in: "config/invalid"))
    func `an invalid configuration is refused with its exact message`(fixture: Fixture) throws {
        let expected = try fixture.expectedError
        let error = try #require(throws: InvalidSpec.self) { try Spec(config: fixture.json) }
        #expect(error.description == expected)
    }

    @Test func `there are fixtures of both kinds`() {
        #expect(Fixture.all(in: "config/valid").count >= 50)
        #expect(Fixture.all(in: "config/invalid").count >= 100)
    }

    @Test func `every property of the specification is read`() throws {
        #expect(try Spec(config: Fixture("every-property", in: "config").json) == .everything)
    }

    @Test func `every property of the specification is written`() throws {
        let json = try Fixture("every-property", in: "config").json
        #expect(
            String(decoding: Spec.everything.json(indent: "  "), as: UTF8.self) + "\n"
                == String(decoding: json, as: UTF8.self))
    }

    @Test func `every property refuses a value of a wrong type and is named`() throws {
        let documents = try documentsWithOneWrongType(Fixture("every-property", in: "config").json)
        #expect(documents.count > 300)
        for document in documents {
            let error = try #require(throws: InvalidSpec.self, "\(document.place)") { try Spec(config: document.json) }
            #expect(error.keyPath == document.place)
            #expect(error.problem.hasPrefix("expected "))
        }
    }
}
