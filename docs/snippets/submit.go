// Prints the entry's id. The standard library and nothing else. With a Redis client of your own, all of it is one call:
//
//	client.XAdd(ctx, &redis.XAddArgs{Stream: "bulkverify:uploads", Values: []any{"request", request}})
package main

import (
	"fmt"
	"io"
	"log"
	"net" // for a rediss:// URL: crypto/tls, and tls.Dial
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

const request = `{
  "version": 1,
  "upload_id": "crm-2026-11",
  "account": "ipqs-main",
  "kind": "email",
  "source": {"path": "/srv/lists/newsletter.csv"},
  "producer": "crm"
}`

func main() {
	server, err := url.Parse(os.Getenv("BULKVERIFY_REDIS_URL")) // such as redis://localhost:6379/0
	check(err)
	commands := ""
	if password, given := server.User.Password(); given {
		user := server.User.Username()
		if user == "" {
			user = "default"
		}
		commands += encode("AUTH", user, password)
	}
	if database := strings.Trim(server.Path, "/"); database != "" {
		commands += encode("SELECT", database)
	}
	commands += encode("XADD", "bulkverify:uploads", "*", "request", request)
	commands += encode("QUIT") // the server answers everything, then closes

	connection, err := net.DialTimeout("tcp", server.Host, 10*time.Second)
	check(err)
	defer connection.Close()
	check(connection.SetDeadline(time.Now().Add(10 * time.Second)))
	_, err = io.WriteString(connection, commands)
	check(err)
	answers, err := io.ReadAll(connection)
	check(err)
	entry := regexp.MustCompile(`(?m)^\d+-\d+`).Find(answers)
	if entry == nil || regexp.MustCompile(`(?m)^-`).Match(answers) {
		log.Fatalf("Redis answered: %s", answers)
	}
	fmt.Printf("%s\n", entry)
}

func encode(words ...string) string {
	text := fmt.Sprintf("*%d\r\n", len(words))
	for _, word := range words {
		text += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	return text
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
