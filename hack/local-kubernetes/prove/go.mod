module local-kubernetes/prove

go 1.26.0
