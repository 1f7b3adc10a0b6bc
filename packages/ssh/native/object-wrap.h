/*
 * Included before ssh2's native crypto when it is compiled
 * (hack/install-dependencies.sh: CXXFLAGS="-include …/object-wrap.h").
 *
 * node::ObjectWrap of Node 24 takes its clean-up hook back in its destructor,
 * which runs when the object is garbage-collected. A collection that V8 starts
 * from its own task has no current environment, and Node then aborts the whole
 * process: "RemoveEnvironmentCleanupHook … Assertion failed: (env) != nullptr".
 * Every closed connection and every re-key leaves four such objects behind.
 *
 * Nan::ObjectWrap is the same class without the hook, as node's own was before.
 */
#include <nan.h>
#include <node_object_wrap.h>
#define ObjectWrap Nan::ObjectWrap
