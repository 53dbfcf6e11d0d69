package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.temporal.io/server/common/config"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

// retention is how long a finished workflow stays readable. The record of a
// migration outlives the day that is the server's default.
const retention = 90 * 24 * time.Hour

// store describes the database and makes sure that its schema and namespaces
// are there. A file written by another server version is not migrated, which
// is why callers put the version into its name.
func store(o options) (*config.SQL, error) {
	db := &config.SQL{PluginName: sqliteplugin.PluginName}
	if o.DBFile == "" {
		db.DatabaseName = rand.Text()
		db.ConnectAttributes = map[string]string{"mode": "memory", "cache": "shared"}
	} else {
		db.DatabaseName = o.DBFile
		// With a write-ahead log, synchronous=1 survives the death of the process
		// at any point, and costs half of what a rollback journal does.
		db.ConnectAttributes = map[string]string{"mode": "rwc", "journal_mode": "WAL", "synchronous": "1"}
		if err := createFile(db); err != nil {
			return nil, err
		}
	}
	return db, createNamespaces(db, o)
}

// createFile sets up the schema of a database that does not exist yet. It is
// built under another name first: a process killed half way would otherwise
// leave a file that every later start takes for a finished one.
func createFile(db *config.SQL) error {
	_, err := os.Stat(db.DatabaseName)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for database: %w", err)
	}
	draft := *db
	draft.DatabaseName += ".new"
	// The draft keeps no write-ahead log that a rename would leave behind.
	draft.ConnectAttributes = map[string]string{"mode": "rwc"}
	if err := os.Remove(draft.DatabaseName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove unfinished database: %w", err)
	}
	if err := sqliteschema.SetupSchema(&draft); err != nil {
		return fmt.Errorf("create database %s: %w", db.DatabaseName, err)
	}
	if err := os.Rename(draft.DatabaseName, db.DatabaseName); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

func createNamespaces(db *config.SQL, o options) error {
	all := make([]*sqliteschema.NamespaceConfig, 0, len(o.Namespaces))
	for _, name := range o.Namespaces {
		ns, err := sqliteschema.NewNamespaceConfig(clusterName, name, false, o.SearchAttributes)
		if err != nil {
			return fmt.Errorf("describe namespace %s: %w", name, err)
		}
		ns.Detail.Config.Retention = durationpb.New(retention)
		all = append(all, ns)
	}
	if err := sqliteschema.CreateNamespaces(db, all...); err != nil {
		return fmt.Errorf("create namespaces: %w", err)
	}
	return nil
}
