# shellcheck shell=bash disable=SC2034,SC2154 # what the suites read and set
# The library that both of REngine's suites use, and what runs tests of JUnit 4.

RENGINE_VERSION=1.8.1

install_rengine() {
  needs mvn
  needs javac
  mkdir -p jars classes
  cat >pom.xml <<END
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>clients</groupId>
  <artifactId>rengine</artifactId>
  <version>1</version>
  <dependencies>
$(rengine_dependencies)
  </dependencies>
</project>
END
  bring "Maven's repository" mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies -DoutputDirectory=jars
  javac -d classes -cp "jars/*" "$CLIENTS_DIR/programs/RunTests.java"
}

rengine_dependencies() {
  local artifact
  for artifact in "org.rosuda.REngine Rserve $RENGINE_VERSION" "junit junit 4.13.2" "org.slf4j slf4j-simple 1.7.36"; do
    # shellcheck disable=SC2086 # three words
    printf '    <dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>\n' $artifact
  done
}

run_junit() { # CLASS SOURCE...
  local class=$1
  shift
  mkdir -p classes
  javac -nowarn -d classes -cp "$entry/jars/*" "$@" >&2 || { fail "$class can be compiled"; return; }
  java -cp "classes:$entry/classes:$entry/jars/*" "-Dhost=$host" "-Dport=$port" "-Dlogin=$CLIENTS_LOGIN" RunTests "$class"
}
