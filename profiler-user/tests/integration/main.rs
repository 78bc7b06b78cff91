//! Tests of the program as a user runs it; those that capture need root. One binary, one module for each subject.

mod doctor;
