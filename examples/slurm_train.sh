#!/bin/bash
# One run as a job of SLURM: `sbatch examples/slurm_train.sh`. If the job is preempted or runs out of
# time, the run saves itself, and the job that is started again goes on with it.
#SBATCH --job-name=accel
#SBATCH --time=04:00:00
#SBATCH --cpus-per-task=8
#SBATCH --gres=gpu:1
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append

run=${SCRATCH:-$PWD}/runs/accel-1

# The same job begins the run, and goes on with it.
if [[ -f $run/config.json ]]; then
    command=(minimax-eqx resume "$run")
else
    command=(minimax-eqx train maze-accel --run "$run")
fi
"${command[@]}" &
child=$!
# The script gets the signals, and hands them on. The run saves itself, and exits with 75.
trap 'kill -TERM "$child"' TERM USR1
# A signal ends a wait before the run has ended.
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
done
wait "$child"
status=$?
if [[ $status -eq 75 ]]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
