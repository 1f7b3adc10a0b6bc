{{- define "teleport-access.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "teleport-access.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "teleport-access.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "teleport-access.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "teleport-access.selectorLabels" -}}
app.kubernetes.io/name: {{ include "teleport-access.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "teleport-access.labels" -}}
{{ include "teleport-access.selectorLabels" . }}
app.kubernetes.io/part-of: teleport-access
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "teleport-access.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "teleport-access.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* The full name of one of our images: dict "root" . "name" "operator" */ -}}
{{- define "teleport-access.image" -}}
{{- $registry := .root.Values.image.registry -}}
{{- printf "%steleport-access/%s:%s" (ternary "" (printf "%s/" $registry) (empty $registry)) .name (default .root.Chart.AppVersion .root.Values.image.tag) }}
{{- end }}
