// Reads a declarative Jenkinsfile and prints the lines of its `sh` steps as JSON. Words that are not listed here are errors.
import groovy.json.JsonOutput

class Steps {
    List<String> lines = []
    def sh(String line) { lines << line }
    def archiveArtifacts(Map options) { assert options.artifacts }
}

class Block {
    static final Map ALLOWED = [
        pipeline: ['agent', 'triggers', 'options', 'environment', 'stages', 'post'],
        stages: ['stage'], stage: ['when', 'steps', 'post'], post: ['always'],
        when: ['not', 'branch', 'triggeredBy'], not: ['branch', 'triggeredBy'],
        triggers: ['cron'], options: ['disableConcurrentBuilds', 'timeout'],
    ]
    String name
    Steps steps

    def methodMissing(String word, arguments) {
        if (!(word in ALLOWED[name])) throw new IllegalArgumentException("${word} is no word of ${name}")
        def body = arguments ? arguments[-1] : null
        if (!(body instanceof Closure)) return
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.delegate = word in ['steps', 'always'] ? steps : word == 'environment' ? new Environment() : new Block(name: word, steps: steps)
        body()
    }
    def getAny() { 'any' }
}

class Environment {
    def credentials(String id) { assert id ==~ /[a-z0-9-]+/; id }
    void setProperty(String name, value) { assert name ==~ /[A-Z_]+/ }
}

def steps = new Steps()
def binding = new Binding([pipeline: { Closure body ->
    body.resolveStrategy = Closure.DELEGATE_FIRST
    body.delegate = new Block(name: 'pipeline', steps: steps)
    body()
}])
new GroovyShell(binding).evaluate(new File(args[0]))
println JsonOutput.toJson(steps.lines)
