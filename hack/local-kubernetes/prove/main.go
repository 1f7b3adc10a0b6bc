// prove is the workload of prove.sh: it serves HTTP, fetches a URL, looks a name up.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	command, argument := "serve", ""
	if len(os.Args) == 3 {
		command, argument = os.Args[1], os.Args[2]
	}
	switch command {
	case "lookup":
		addresses, err := net.LookupHost(argument)
		exit(fmt.Sprint(addresses), err)
	case "get":
		client := &http.Client{Timeout: 2 * time.Second}
		response, err := client.Get(argument)
		if err != nil {
			exit("", err)
		}
		body, err := io.ReadAll(response.Body)
		exit(string(body), err)
	default:
		name, _ := os.Hostname()
		http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, name) })
		fmt.Println("listening")
		exit("", http.ListenAndServe(":8080", nil))
	}
}

func exit(text string, err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(text)
	os.Exit(0)
}
