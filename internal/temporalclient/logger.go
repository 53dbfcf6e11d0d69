package temporalclient

import (
	"go.temporal.io/sdk/log"
	"go.uber.org/zap"
)

// Logger lets the Temporal SDK write into a zap logger, keeping key-value pairs
// as fields and the line of the caller.
func Logger(z *zap.Logger) log.Logger {
	// One frame for the method below.
	return zapLogger{z.WithOptions(zap.AddCallerSkip(1)).Sugar()}
}

type zapLogger struct{ sugar *zap.SugaredLogger }

func (l zapLogger) Debug(msg string, keyvals ...any) { l.sugar.Debugw(msg, keyvals...) }
func (l zapLogger) Info(msg string, keyvals ...any)  { l.sugar.Infow(msg, keyvals...) }
func (l zapLogger) Warn(msg string, keyvals ...any)  { l.sugar.Warnw(msg, keyvals...) }
func (l zapLogger) Error(msg string, keyvals ...any) { l.sugar.Errorw(msg, keyvals...) }

// With implements log.WithLogger.
func (l zapLogger) With(keyvals ...any) log.Logger { return zapLogger{l.sugar.With(keyvals...)} }

// WithCallerSkip implements log.WithSkipCallers.
func (l zapLogger) WithCallerSkip(skip int) log.Logger {
	return zapLogger{l.sugar.WithOptions(zap.AddCallerSkip(skip))}
}
